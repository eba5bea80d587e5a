#!/usr/bin/env bash
# A tool with positional-only or variable parameters is registered and listed as callable, and every call of it fails.
#
# Version:  mcp 2.3.0 (PyPI, the official Python SDK), pydantic 2.14.4; fastmcp 4.2.3 for comparison
# Input:    `def divide(a: int, b: int, /) -> float` and `def total(*numbers: int) -> int`, registered with `@server.tool()`
# Expected: an error at registration, or a call with the arguments of the listed schema that reaches the function
# Seen:     registration succeeds. `tools/list` has divide with the required integers a and b, and total with one required integer
#           called numbers. Calls with such arguments end with isError and "Error executing tool divide" (or total) alone: the
#           function is called with keywords, which it cannot take. A list for numbers is refused as not an integer.
#           fastmcp 4.2.3 refuses both at registration with the reason ("MCP passes tool arguments by name").
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv sdk && python3 -m venv fast || exit 2
sdk/bin/pip -q install mcp==2.3.0 pydantic==2.14.4 || exit 2
fast/bin/pip -q install fastmcp==4.2.3 pydantic==2.14.4 || exit 2
cat > server.py <<'PY'
import sys
if sys.argv[1] == "sdk":
    from mcp.server.mcpserver import MCPServer as Server
else:
    from fastmcp import FastMCP as Server
server = Server("arithmetic")
def divide(a: int, b: int, /) -> float:
    return a / b
def total(*numbers: int) -> int:
    return sum(numbers)
refused = []
for function in (divide, total):
    try:
        server.tool()(function)
    except Exception as error:
        refused.append(f"{function.__name__}: {type(error).__name__}: {error}")
@server.tool(name="refused")
def list_refused() -> str:
    return "; ".join(refused) or "none"
server.run("stdio")
PY
cat > client.py <<'PY'
import asyncio, sys
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
async def main():
    server = StdioServerParameters(command=sys.argv[2], args=["server.py", sys.argv[1]])
    async with Client(stdio_client(server)) as client:
        names = []
        for tool in (await client.list_tools()).tools:
            names.append(tool.name)
            properties = tool.input_schema.get("properties", {})
            print(tool.name, {name: schema["type"] for name, schema in properties.items()}, tool.input_schema.get("required"))
        print("refused:", (await client.call_tool("refused", {})).content[0].text)
        for tool, arguments in (("divide", {"a": 6, "b": 3}), ("total", {"numbers": 6}), ("total", {"numbers": [6, 3]})):
            if tool in names:
                r = await client.call_tool(tool, arguments)
                print(tool, arguments, r.is_error, r.content[0].text.splitlines()[:3])
asyncio.run(main())
PY
timeout 60 sdk/bin/python client.py sdk sdk/bin/python 2>/dev/null | tee sdk.txt || exit 2
timeout 60 sdk/bin/python client.py fast fast/bin/python 2>/dev/null | tee fast.txt || exit 2
diff sdk.txt - <<'T' || exit 1
divide {'a': 'integer', 'b': 'integer'} ['a', 'b']
total {'numbers': 'integer'} ['numbers']
refused {} None
refused: none
divide {'a': 6, 'b': 3} True ['Error executing tool divide']
total {'numbers': 6} True ['Error executing tool total']
total {'numbers': [6, 3]} True ['Error executing tool total: 1 validation error for totalArguments', 'numbers', '  Input should be a valid integer [type=int_type, input_value=[6, 3], input_type=list]']
T
diff fast.txt - <<'T' || exit 1
refused {} None
refused: divide: ValueError: Functions with positional-only parameters are not supported as tools because MCP passes tool arguments by name. Replace them with standard parameters that can be passed as keywords.; total: ValueError: Functions with *args are not supported as tools
T
