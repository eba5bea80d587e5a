#!/usr/bin/env bash
# A float that is not a number becomes null, which the server's own output schema forbids, and the SDK's own client throws.
#
# Version:  mcp 2.3.0 (PyPI, the official Python SDK), pydantic 2.14.4
# Input:    a tool `def mean(values: list[float]) -> float` that returns float("nan") for an empty list, as numpy.mean does
# Expected: an error result (isError), or a result that fits the schema which `tools/list` gives
# Seen:     the answer has structuredContent {"result": null} with isError false; `tools/list` says {"result": {"type": "number"}},
#           required. Client.call_tool of the same package raises RuntimeError "Invalid structured content returned by tool mean:
#           None is not of type 'number'": the caller does not get the result at all. Infinity is the same.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv sdk || exit 2
sdk/bin/pip -q install mcp==2.3.0 pydantic==2.14.4 || exit 2
cat > server.py <<'PY'
from mcp.server.mcpserver import MCPServer
server = MCPServer("statistics")
@server.tool()
def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
server.run("stdio")
PY
cat > raw.py <<'PY'
import json, subprocess, sys
child = subprocess.Popen([sys.executable, "server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
def send(message):
    child.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n"); child.stdin.flush()
def ask(id, method, params):
    send({"id": id, "method": method, "params": params})
    while (answer := json.loads(child.stdout.readline())).get("id") != id: pass
    return answer["result"]
ask(1, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}})
send({"method": "notifications/initialized"})
print(json.dumps(ask(2, "tools/list", {})["tools"][0]["outputSchema"]["properties"]["result"]["type"]))
answer = ask(3, "tools/call", {"name": "mean", "arguments": {"values": []}})
print(answer.get("isError"), json.dumps(answer["structuredContent"]))
child.stdin.close(); child.wait(10)
PY
cat > client.py <<'PY'
import asyncio, sys
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
async def main():
    async with Client(stdio_client(StdioServerParameters(command=sys.executable, args=["server.py"]))) as client:
        try:
            await client.call_tool("mean", {"values": []})
            print("no error")
        except RuntimeError as error:
            print("RuntimeError:", str(error).splitlines()[0])
asyncio.run(main())
PY
{ timeout 60 sdk/bin/python raw.py && timeout 60 sdk/bin/python client.py; } 2>/dev/null | tee seen.txt || exit 2
diff seen.txt - <<'T' || exit 1
"number"
False {"result": null}
RuntimeError: Invalid structured content returned by tool mean: None is not of type 'number'
T
