#!/usr/bin/env bash
# A tool whose parameter has a pydantic `alias` is listed with that name and can never be called.
#
# Version:  mcp 2.3.0 (PyPI, the official Python SDK), pydantic 2.14.4; fastmcp 4.2.3 for comparison
# Input:    `def open_issue(repo: Annotated[str, Field(alias="repository")]) -> str`; beside it the same with `validation_alias`
# Expected: `tools/list` offers `repository`, and a call with it reaches the function, as with `validation_alias`
# Seen:     `tools/list` offers {"repository": …}, required; the call with it is answered with isError and the text
#           "Error executing tool open_issue" and nothing more. The log has the reason: TypeError, the function is called with the
#           keyword `repository`, which it does not have. The parameter's own name is refused too ("Field required"). With
#           `validation_alias` the call works. fastmcp 4.2.3 works with both.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv sdk && python3 -m venv fast || exit 2
sdk/bin/pip -q install mcp==2.3.0 pydantic==2.14.4 || exit 2
fast/bin/pip -q install fastmcp==4.2.3 pydantic==2.14.4 || exit 2
cat > server.py <<'PY'
import sys
from typing import Annotated
from pydantic import Field
if sys.argv[1] == "sdk":
    from mcp.server.mcpserver import MCPServer as Server
else:
    from fastmcp import FastMCP as Server
server = Server("issues")
@server.tool()
def open_issue(repo: Annotated[str, Field(alias="repository")]) -> str:
    return f"opened in {repo}"
@server.tool()
def close_issue(repo: Annotated[str, Field(validation_alias="repository")]) -> str:
    return f"closed in {repo}"
server.run("stdio")
PY
cat > client.py <<'PY'
import asyncio, sys
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
async def main():
    server = StdioServerParameters(command=sys.argv[2], args=["server.py", sys.argv[1]])
    async with Client(stdio_client(server)) as client:
        for tool in (await client.list_tools()).tools:
            print(tool.name, list(tool.input_schema["properties"]), tool.input_schema["required"])
        for tool in ("open_issue", "close_issue"):
            r = await client.call_tool(tool, {"repository": "a"})
            print(tool, r.is_error, r.content[0].text)
asyncio.run(main())
PY
timeout 60 sdk/bin/python client.py sdk sdk/bin/python 2>/dev/null | tee sdk.txt || exit 2
timeout 60 sdk/bin/python client.py fast fast/bin/python 2>/dev/null | tee fast.txt || exit 2
diff sdk.txt - <<'T' || exit 1
open_issue ['repository'] ['repository']
close_issue ['repository'] ['repository']
open_issue True Error executing tool open_issue
close_issue False closed in a
T
diff fast.txt - <<'T' || exit 1
open_issue ['repository'] ['repository']
close_issue ['repository'] ['repository']
open_issue False opened in a
close_issue False closed in a
T
