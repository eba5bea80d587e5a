#!/usr/bin/env python3
"""An MCP server on stdio that offers the functions of one suite of tasks.

    shim.py retail | airline | CLASS+CLASS… | parallel/NUMBER

Its state lives in memory. Before a call it looks at the file that REPLAY_FRESH names: where that has changed, the state
starts again, with the task that is written there. After a call it writes a digest of the state to REPLAY_DIGEST.
"""

import json
import os
import sys
from pathlib import Path


def suite_of(name):
    if "/" in name:
        from bfcl import Parallel

        return Parallel(name)
    if name in ("retail", "airline"):
        from tau2 import Tau2

        return Tau2(name)
    from bfcl import MultiTurn

    return MultiTurn(name)


def main():
    suite = suite_of(sys.argv[1])
    fresh, seen, state = os.environ["REPLAY_FRESH"], None, None

    def answer(method, params):
        nonlocal seen, state
        if method == "initialize":
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "replay", "version": "1"},
            }
        if method == "tools/list":
            return {"tools": suite.tools()}
        if method != "tools/call":
            return {}
        now = os.stat(fresh).st_mtime_ns
        if now != seen:
            seen, state = now, suite.state(Path(fresh).read_text())
        text, failed = suite.call(state, params["name"], params.get("arguments") or {})
        Path(os.environ["REPLAY_DIGEST"]).write_text(suite.digest(state))
        return {"content": [{"type": "text", "text": text}], "isError": failed}

    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": answer(message["method"], message.get("params") or {})}
            print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
