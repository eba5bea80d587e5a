#!/usr/bin/env python3
"""An MCP server on stdio that offers the bare functions of one tau2 domain, without the envelope of the published server.

    shim.py retail|airline

Its state lives in memory. Before a call it looks at the file that REPLAY_FRESH names: where that has changed, the state
starts again. After a call it writes a digest of the state to REPLAY_DIGEST, if that is set.
"""

import copy
import hashlib
import importlib
import json
import os
import sys


def domain_of(name):
    """The published server's module, and its tools without parameters that only it needs."""
    module = importlib.import_module(f"tau2_{name}_mcp.server")
    tools = []
    for tool in module._list_tools():
        if tool["name"] in module.BUSINESS_TOOLS:
            tool = copy.deepcopy(tool)
            tool["inputSchema"]["properties"].pop("state_key", None)
            tools.append(tool)
    return module, tools


def digest(db):
    return hashlib.sha256(json.dumps(db, sort_keys=True).encode()).hexdigest()


def main():
    module, tools = domain_of(sys.argv[1])
    fresh, seen, db = os.environ.get("REPLAY_FRESH"), None, None

    def answer(method, params):
        nonlocal seen, db
        if method == "initialize":
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": sys.argv[1], "version": "1"},
            }
        if method == "tools/list":
            return {"tools": tools}
        if method != "tools/call":
            return {}
        now = os.stat(fresh).st_mtime_ns if fresh else 0
        if now != seen:
            seen, db = now, copy.deepcopy(module._base_db())
        try:
            result = module._execute_tool(db, params["name"], params.get("arguments") or {})
            text, error = module._content_from_result(result), False
        except Exception as reason:  # the model reads the exceptions of the functions
            text, error = f"Error: {reason}", True
        if os.environ.get("REPLAY_DIGEST"):
            with open(os.environ["REPLAY_DIGEST"], "w") as file:
                file.write(digest(db))
        return {"content": [{"type": "text", "text": text}], "isError": error}

    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": answer(message["method"], message.get("params") or {})}
            print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
