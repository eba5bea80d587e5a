#!/usr/bin/env bash
# An argument of type `str | None` changes on its way: the string "null" arrives as None, and JSON text as what it parses to.
#
# Version:  mcp 2.3.0 (PyPI, the official Python SDK), pydantic 2.14.4; fastmcp 4.2.3 for comparison
# Input:    tools `find(name: str | None = None)` and `tag(names: str | list[str])`; calls with the strings null, ["a"], {"a":1}
# Expected: the string that was sent; the schemas in `tools/list` say {"anyOf": [{"type": "string"}, …]}, which allows each of them
# Seen:     find gets None for "null"; tag gets the list ['a'] for '["a"]'; and '{"a":1}' is refused with "Input should be a valid
#           string", although it is one: the server parses string arguments as JSON unless the parameter's type is exactly `str`.
#           Whoever looks up a person called "null" gets everybody. fastmcp 4.2.3 passes all three strings on as they are.
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
server = Server("people")
@server.tool()
def find(name: str | None = None) -> str:
    return repr(name)
@server.tool()
def tag(names: str | list[str]) -> str:
    return repr(names)
server.run("stdio")
PY
cat > client.py <<'PY'
import asyncio, sys
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
async def main():
    server = StdioServerParameters(command=sys.argv[2], args=["server.py", sys.argv[1]])
    async with Client(stdio_client(server)) as client:
        for tool, key, text in (("find", "name", "null"), ("tag", "names", '["a"]'), ("tag", "names", '{"a":1}')):
            r = await client.call_tool(tool, {key: text})
            print(tool, text, "->", "error" if r.is_error else r.content[0].text)
asyncio.run(main())
PY
timeout 60 sdk/bin/python client.py sdk sdk/bin/python 2>/dev/null | tee sdk.txt || exit 2
timeout 60 sdk/bin/python client.py fast fast/bin/python 2>/dev/null | tee fast.txt || exit 2
diff sdk.txt - <<'T' || exit 1
find null -> None
tag ["a"] -> ['a']
tag {"a":1} -> error
T
diff fast.txt - <<'T' || exit 1
find null -> 'null'
tag ["a"] -> '["a"]'
tag {"a":1} -> '{"a":1}'
T
