#!/usr/bin/env python3
"""An MCP server on stdio that offers the functions of one suite of tasks.

    shim.py retail | airline | CLASS+CLASS… | parallel/NUMBER

Its state lives in memory. The UNIX socket that REPLAY_CONTROL names takes a line of each connection: `begin TASK` makes the
state of a task, `digest` asks for a digest of the state. Neither is part of the time of a call.
"""

import json
import os
import socket
import sys
import threading


def suite_of(name):
    if "/" in name:
        from bfcl import Parallel

        return Parallel(name)
    if name in ("retail", "airline"):
        from tau2 import Tau2

        return Tau2(name)
    from bfcl import MultiTurn

    return MultiTurn(name)


class Controlled:
    """A suite with the state of the task that runs."""

    def __init__(self, suite, path):
        self.suite, self.state = suite, None
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            connection = self.socket.accept()[0]
            with connection, connection.makefile("rw") as stream:
                word, _, task = stream.readline().strip().partition(" ")
                if word == "begin":
                    self.state = self.suite.state(task)
                stream.write("done" if word == "begin" else self.suite.digest(self.state))


def main():
    suite = suite_of(sys.argv[1])
    controlled = Controlled(suite, os.environ["REPLAY_CONTROL"])

    def answer(method, params):
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
        text, failed = suite.call(controlled.state, params["name"], params.get("arguments") or {})
        return {"content": [{"type": "text", "text": text}], "isError": failed}

    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": answer(message["method"], message.get("params") or {})}
            print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
