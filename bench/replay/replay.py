#!/usr/bin/env python3
"""Measures the cost and savings of code mode in tokens, on the tasks of tau2 (retail, airline), replayed without a model.

    python3 -m venv v && v/bin/pip install -r requirements.txt
    v/bin/python replay.py before=PATH/isolet after=PATH/isolet

The true actions of each task are made once call by call and once as one script through `isolet serve`; every final state
has to be equal. README.md says what is counted.
"""

import argparse
import copy
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tiktoken

from shim import digest, domain_of

ENCODING = tiktoken.get_encoding("o200k_base")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tokens(text):
    return len(ENCODING.encode_ordinary(text))


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Task:
    """One task: its calls with their results, and the script that makes them."""

    def __init__(self, module, task):
        criteria = task["evaluation_criteria"]
        self.said = compact(task["user_scenario"])
        self.question = task["user_scenario"]["instructions"]["reason_for_call"].split(". ")[0][:200]
        self.wanted = [str(info) for info in criteria.get("communicate_info") or []]
        self.calls = []
        db = copy.deepcopy(module._base_db())
        for action in criteria["actions"] or []:
            if action["name"] not in module.BUSINESS_TOOLS:
                continue
            name, arguments = action["name"], action["arguments"]
            try:
                text, failed = module._content_from_result(module._execute_tool(db, name, dict(arguments))), False
            except Exception as reason:
                text, failed = f"Error: {reason}", True
            self.calls.append((name, arguments, text, failed))
        self.digest = digest(db)

    def script(self, server):
        """One statement for each call; arguments that are not in the user's request come from earlier results, by index."""
        results, used, lines = [], set(), []

        def written(value):
            if isinstance(value, dict):
                return "{ " + ", ".join(f"{key}: {written(inner)}" for key, inner in value.items()) + " }"
            if isinstance(value, list):
                return "[" + ", ".join(map(written, value)) + "]"
            if isinstance(value, str) and len(value) > 2 and value not in self.said:
                for at, result in enumerate(results):
                    path = find(result, value)
                    if path is not None:
                        used.add(at)
                        return LETTERS[at % 26] + ("" if at < 26 else str(at // 26)) + path
            return compact(value)

        calls = []
        for name, arguments, text, failed in self.calls:
            call = f"await env.{server}.{name}({written(arguments)})"
            calls.append(call + (".catch((e) => e.message)" if failed else ""))
            results.append(parsed(text))
        back = self.back(results, used)
        for at, call in enumerate(calls):
            variable = LETTERS[at % 26] + ("" if at < 26 else str(at // 26))
            lines.append(f"const {variable} = {call};" if at in used else f"{call};")
        return "\n".join(lines + [f"return {back};"])

    def back(self, results, used):
        """The script's result: the requested values if a result has them, and the outcome of each change. If the
        answer must be computed from the results, unused results are returned whole."""

        def name(at):
            used.add(at)
            return LETTERS[at % 26] + ("" if at < 26 else str(at // 26))

        parts = []
        for wanted in self.wanted:
            places = ((at, find(result, wanted)) for at, result in enumerate(results))
            found = next(((at, path) for at, path in places if path is not None), None)
            if found is None:
                parts = [name(at) for at in range(len(results)) if at not in used]
                break
            parts.append(name(found[0]) + found[1])
        for at, (tool, _, _, failed) in enumerate(self.calls):
            if failed or not reads(tool):
                result = results[at]
                status = isinstance(result, dict) and isinstance(result.get("status"), str)
                part = name(at) if not isinstance(result, dict) else name(at) + (".status" if status else "." + next(iter(result)))
                if part not in parts and part.split(".")[0] not in parts:
                    parts.append(part)
        if not parts:
            parts = [name(at) for at in range(len(results)) if at not in used] or [name(len(results) - 1)]
        return parts[0] if len(parts) == 1 else "[" + ", ".join(parts) + "]"


def reads(tool):
    return tool.split("_")[0] in ("get", "find", "list", "search", "calculate")


def parsed(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def find(value, wanted):
    """The path of a text or number in a result, outermost first."""
    queue = [("", value)]
    for path, inner in queue:
        if isinstance(inner, dict):
            for key, deeper in inner.items():
                queue.append((f"{path}.{key}" if key.isidentifier() else f"{path}[{compact(key)}]", deeper))
        elif isinstance(inner, list):
            queue.extend((f"{path}[{at}]", deeper) for at, deeper in enumerate(inner))
        elif not isinstance(inner, bool) and inner is not None and str(inner) == wanted:
            return path
    return None


class Isolet:
    """`isolet serve` with the shim of one domain."""

    def __init__(self, program, domain, folder):
        self.fresh, self.digest = folder / "fresh", folder / "digest"
        self.fresh.touch()
        env = {"REPLAY_FRESH": str(self.fresh), "REPLAY_DIGEST": str(self.digest)}
        shim = {"command": sys.executable, "args": [str(Path(__file__).with_name("shim.py")), domain], "env": env}
        config = folder / "mcp.json"
        config.write_text(json.dumps({"mcpServers": {domain: shim}}))
        self.socket = folder / "socket"
        command = [program, "serve", "--listen", f"unix:{self.socket}", "--mcp-config", str(config)]
        self.child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w"))
        for _ in range(600):
            try:
                if self.request("GET", "/readyz")[0] == 200 and self.request("GET", f"/v1/types/{domain}")[0] == 200:
                    break
            except OSError:
                pass
            time.sleep(0.1)
        self.session = None

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = unix(self.socket)
        connection.request(method, path, None if body is None else compact(body), headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, answer.headers

    def text(self, path):
        status, text, _ = self.request("GET", path)
        assert status == 200, text
        return text

    def run(self, code):
        self.fresh.unlink()
        self.fresh.touch()
        report = json.loads(self.request("POST", "/v1/run", {"code": code}, {"Content-Type": "application/json"})[1])
        assert report["ok"], (code, report)
        return compact(report["result"]), self.digest.read_text()

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
        keys = ("name", "description", "inputSchema")
        tools = self.mcp("tools/list", {})["tools"]
        return sum(tokens(compact({key: tool[key] for key in keys if key in tool})) for tool in tools)

    def call(self, tool, arguments):
        """The texts that the model writes and reads."""
        content = self.mcp("tools/call", {"name": tool, "arguments": arguments})["content"]
        return tokens(compact({"name": tool, "arguments": arguments})) + sum(tokens(block.get("text", "")) for block in content)

    def end(self):
        self.child.terminate()
        self.child.wait()


def unix(path):
    import socket

    made = socket.socket(socket.AF_UNIX)
    made.settimeout(60)
    made.connect(str(path))
    return made


def measure(label, program, domain, module, tools, tasks):
    definitions = sum(tokens(compact(tool)) for tool in tools)
    with tempfile.TemporaryDirectory() as folder:
        isolet = Isolet(program, domain, Path(folder))
        try:
            prompts = {f"{level}, cold": tokens(isolet.text(f"/v1/types?detail={level}")) for level in ("names", "brief", "full")}
            prompts["MCP: run, cold"] = isolet.face()
            scripts, fetched = [], []
            for task in tasks:
                code = task.script(domain)
                result, state = isolet.run(code)
                assert state == task.digest, f"another state after\n{code}"
                scripts.append(tokens(code) + tokens(result))
                fetched.append((tokens(code), tokens(result)))
            time.sleep(1)
            prompts |= {f"{level}, inferred": tokens(isolet.text(f"/v1/types?detail={level}")) for level in ("brief", "full")}
            isolet.session = None
            face = prompts["MCP: run, inferred"] = isolet.face()
            searched, described = [], []
            for task in tasks:
                names = list(dict.fromkeys(f"{domain}/{name}" for name, *_ in task.calls))
                described.append(face + isolet.call("describe", {"tools": names}))
                searched.append(described[-1] + isolet.call("search", {"query": task.question}))
        finally:
            isolet.end()
    calls = [sum(tokens(compact({"name": name, "arguments": arguments})) for name, arguments, *_ in task.calls) for task in tasks]
    results = [sum(tokens(text) for _, _, text, _ in task.calls) for task in tasks]
    by_call = [definitions + a + b for a, b in zip(calls, results)]
    written, read = (sum(part) for part in zip(*fetched))
    print(f"\n### {domain}, {label}: {len(tasks)} tasks, {sum(len(task.calls) for task in tasks)} calls\n")
    print(f"definitions {definitions}; calls {sum(calls)} + results {sum(results)}; scripts {written} + results {read}\n")
    print("| prompt | tokens | call by call : code | median task | tasks where code costs more |")
    print("|---|---|---|---|---|")
    rows = [(name, [prompt] * len(tasks)) for name, prompt in prompts.items()]
    rows += [("MCP: describe, run", described), ("MCP: search, describe, run", searched)]
    for name, prompt in [("none", None)] + rows:
        code = [script + (prompt[at] if prompt else 0) for at, script in enumerate(scripts)]
        base = by_call if prompt else [a + b for a, b in zip(calls, results)]
        ratios = [a / b for a, b in zip(base, code)]
        worse = sum(ratio < 1 for ratio in ratios)
        mean = round(sum(prompt) / len(prompt)) if prompt else 0
        print(f"| {name} | {mean} | {sum(base) / sum(code):.2f} | {statistics.median(ratios):.2f} | {worse} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", metavar="LABEL=PATH", help="binaries of isolet, measured in turn")
    parser.add_argument("--domain", choices=["retail", "airline"], action="append")
    parser.add_argument("--tasks", type=int, help="only the first of each domain")
    asked = parser.parse_args()
    for domain in asked.domain or ["retail", "airline"]:
        module, tools = domain_of(domain)
        data = Path(module.__file__).with_name("data") / "tau2" / "domains" / domain / "tasks.json"
        tasks = [Task(module, task) for task in json.loads(data.read_text())]
        tasks = [task for task in tasks if task.calls][: asked.tasks]
        for program in asked.programs:
            label, path = program.split("=", 1)
            measure(label, os.path.abspath(path), domain, module, tools, tasks)


if __name__ == "__main__":
    main()
