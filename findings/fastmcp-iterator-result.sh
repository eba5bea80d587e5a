#!/usr/bin/env bash
# A tool that returns an iterator over a list is answered with an empty success; one that returns a generator is not.
#
# Version:  fastmcp 4.2.3 (PyPI), mcp 2.3.0, pydantic 2.14.4
# Input:    three tools that give 1, 2, 3: `-> Iterator[int]` and `-> Iterable[int]`, both returning iter([1, 2, 3]), and a
#           generator function with `-> Generator[int, None, None]`
# Expected: the three numbers from each, or an error
# Seen:     with `Iterator` there is no outputSchema and the answer is content [] without structuredContent; with `Iterable` there
#           is one, and the answer is content [] and {"result": []}, which fits it. isError is false both times. The
#           generator, which Python iterates in the same way, gives {"result": [1, 2, 3]}.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv fast || exit 2
fast/bin/pip -q install fastmcp==4.2.3 mcp==2.3.0 pydantic==2.14.4 || exit 2
cat > server.py <<'PY'
from collections.abc import Generator, Iterable, Iterator
from fastmcp import FastMCP
server = FastMCP("numbers")
@server.tool()
def iterator() -> Iterator[int]:
    return iter([1, 2, 3])
@server.tool()
def iterable() -> Iterable[int]:
    return iter([1, 2, 3])
@server.tool()
def generator() -> Generator[int, None, None]:
    yield from (1, 2, 3)
server.run("stdio")
PY
cat > client.py <<'PY'
import asyncio, json, sys
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
async def main():
    async with Client(stdio_client(StdioServerParameters(command=sys.executable, args=["server.py"]))) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        for tool in ("iterator", "iterable", "generator"):
            r = await client.call_tool(tool, {})
            print(tool, schemas[tool] is not None, r.is_error, [block.text for block in r.content], json.dumps(r.structured_content))
asyncio.run(main())
PY
timeout 60 fast/bin/python client.py 2>/dev/null | tee seen.txt || exit 2
diff seen.txt - <<'T' || exit 1
iterator False False [] null
iterable True False [] {"result": []}
generator True False ['[1,2,3]'] {"result": [1, 2, 3]}
T
