#!/usr/bin/env bash
# A tool that yields its results is answered with all of them as text and with none as structured content.
#
# Version:  mcp 2.3.0 (PyPI, the official Python SDK), pydantic 2.14.4; fastmcp 4.2.3 for comparison
# Input:    a tool `def squares() -> Generator[int, None, None]` that yields 1, 4, 9, called over stdio
# Expected: "structuredContent": {"result": [1, 4, 9]}, equal to what the text block says
# Seen:     content [{"type": "text", "text": "[\n  1,\n  4,\n  9\n]"}] beside structuredContent {"result": []}, isError false:
#           the generator is walked once for the text, and is empty when the structured content is made. A client that reads
#           structured content gets an empty list and no error. The same for `-> Iterable[int]` that returns a generator
#           expression. fastmcp 4.2.3 answers {"result": [1, 4, 9]} in both places.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv sdk && python3 -m venv fast || exit 2
sdk/bin/pip -q install mcp==2.3.0 pydantic==2.14.4 || exit 2
fast/bin/pip -q install fastmcp==4.2.3 pydantic==2.14.4 || exit 2
cat > server.py <<'PY'
import sys
from collections.abc import Generator, Iterable
if sys.argv[1] == "sdk":
    from mcp.server.mcpserver import MCPServer as Server
else:
    from fastmcp import FastMCP as Server
server = Server("numbers")
@server.tool()
def squares() -> Generator[int, None, None]:
    for n in (1, 2, 3):
        yield n * n
@server.tool()
def lazy() -> Iterable[int]:
    return (n * n for n in (1, 2, 3))
server.run("stdio")
PY
cat > client.py <<'PY'
import asyncio, json, sys
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
async def main():
    server = StdioServerParameters(command=sys.argv[2], args=["server.py", sys.argv[1]])
    async with Client(stdio_client(server)) as client:
        for tool in ("squares", "lazy"):
            r = await client.call_tool(tool, {})
            text = [json.loads(block.text) for block in r.content]
            print(tool, r.is_error, json.dumps(text), json.dumps(r.structured_content))
asyncio.run(main())
PY
timeout 60 sdk/bin/python client.py sdk sdk/bin/python 2>/dev/null | tee sdk.txt || exit 2
timeout 60 sdk/bin/python client.py fast fast/bin/python 2>/dev/null | tee fast.txt || exit 2
diff sdk.txt - <<'T' || exit 1
squares False [[1, 4, 9]] {"result": []}
lazy False [[1, 4, 9]] {"result": []}
T
diff fast.txt - <<'T' || exit 1
squares False [[1, 4, 9]] {"result": [1, 4, 9]}
lazy False [[1, 4, 9]] {"result": [1, 4, 9]}
T
