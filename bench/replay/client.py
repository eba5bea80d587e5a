"""`isolet serve` in front of the functions of suites, over a UNIX socket."""

import hashlib
import http.client
import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from counting import tokens
from scripts import compact

SHIM = str(Path(__file__).with_name("shim.py"))
# The bytes of the name of an exposed tool, and the digits that isolet computes for the end of a longer one.
MAX_NAME, DIGITS = 50, 8


class UnixConnection(http.client.HTTPConnection):
    """A connection over a UNIX socket, which is kept."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Isolet:
    """`servers`: the name of each MCP server and its suite, as shim.py takes it. `options`: of `isolet serve`."""

    def __init__(self, program, servers, folder, *options):
        self.folder, self.session, self.exposed = folder, None, None
        configured = {}
        for name, suite in servers.items():
            env = {"REPLAY_CONTROL": self.control_path(name)}
            configured[name] = {"command": sys.executable, "args": [SHIM, suite], "env": env}
        config = folder / "mcp.json"
        config.write_text(json.dumps({"mcpServers": configured}))
        self.connection = UnixConnection(str(folder / "socket"))
        command = [program, "serve", "--listen", f"unix:{self.connection.path}", "--mcp-config", str(config), *options]
        self.child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w"))
        waiting = list(servers)
        for _ in range(600):
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    waiting = [name for name in waiting if self.request("GET", f"/v1/types/{name}")[0] != 200]
                    if not waiting:
                        return
            except OSError:
                self.connection.close()
            time.sleep(0.1)
        raise SystemExit(f"isolet is not ready: {(folder / 'log').read_text()}")

    def request(self, method, path, body=None, headers=None):
        self.connection.request(method, path, None if body is None else compact(body).encode(), headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers

    def control_path(self, server):
        return str(self.folder / f"{server}.control")

    def control(self, server, line):
        """Asks the program behind an MCP server, past isolet."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(self.control_path(server))
            connection.sendall(f"{line}\n".encode())
            text = connection.makefile().read()
        assert text, f"{server} does not answer {line}"
        return text

    def text(self, path):
        status, text, _ = self.request("GET", path)
        assert status == 200, text
        return text

    def begin(self, server, task):
        """The next call begins with the state of a task."""
        self.control(server, f"begin {task.id}")

    def run(self, code):
        """The result's text and the time in seconds."""
        begun = time.perf_counter()
        report = json.loads(self.request("POST", "/v1/run", {"code": code}, {"Content-Type": "application/json"})[1])
        assert report["ok"], (code, report)
        return compact(report["result"]), time.perf_counter() - begun

    def digest(self, server):
        return self.control(server, "digest")

    def mcp(self, method, params):
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self.session is None:
            self.session = ""
            client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "replay", "version": "1"}}
            body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": client}
            self.session = self.request("POST", "/mcp", body, headers)[2].get("Mcp-Session-Id") or ""
            self.request("POST", "/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, self.headers(headers))
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        text = self.request("POST", "/mcp", body, self.headers(headers))[1]
        lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")] or [text]
        replies = [json.loads(line) for line in lines if line.startswith("{")]
        return next(reply["result"] for reply in replies if reply.get("id") == 1)

    def headers(self, headers):
        more = {"MCP-Protocol-Version": "2025-06-18"}
        return headers | more | ({"Mcp-Session-Id": self.session} if self.session else {})

    def face(self):
        """The tokens of isolet's own MCP tools, in a new session."""
        self.session = None
        keys = ("name", "description", "inputSchema")
        tools = self.mcp("tools/list", {})["tools"]
        return sum(tokens(compact({key: tool[key] for key in keys if key in tool})) for tool in tools)

    def call(self, tool, arguments):
        """The tokens that the model writes and reads for a call of one of isolet's own tools."""
        content = self.mcp("tools/call", {"name": tool, "arguments": arguments})["content"]
        return tokens(compact({"name": tool, "arguments": arguments})), sum(tokens(block.get("text", "")) for block in content)

    def exposed_name(self, server, tool):
        """The name of a tool of an MCP server among those that isolet passes through."""
        if self.exposed is None:
            self.exposed = {tool["name"] for tool in self.mcp("tools/list", {})["tools"]}
        name = f"{server}__{re.sub('[^A-Za-z0-9_-]', '_', tool)}"
        if name not in self.exposed:
            digits = hashlib.sha256(f"{server}\0{tool}".encode()).hexdigest()[:DIGITS]
            name = f"{name[: MAX_NAME - DIGITS - 1]}_{digits}"
        assert name in self.exposed, f"isolet does not expose {tool} of {server}"
        return name

    def pass_through(self, name, arguments):
        """The time in seconds of a call of a tool that isolet passes through."""
        begun = time.perf_counter()
        self.mcp("tools/call", {"name": name, "arguments": arguments})
        return time.perf_counter() - begun

    def end(self):
        self.connection.close()
        self.child.terminate()
        self.child.wait()
