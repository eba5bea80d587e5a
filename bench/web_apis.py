#!/usr/bin/env python3
"""Measures the Web APIs of isolet, of workerd and of Node.js, in turns, and prints a Markdown table.

    bench/web_apis.py ISOLET WORKERD [--node NODE] [--rounds 5] [--row TEXT]     isolet (a release build), and workerd from npm

All servers run the Worker `bench/web_apis/index.js`, whose rows are short pieces of code; in Node.js `bench/web_apis/node.mjs` calls it. A request
runs one row so many times that it takes about 50 ms. What counts is the CPU time of all threads of the server's processes, which other programs
disturb less than the time on the clock; collections of garbage and compilations are part of it. Rounds go through all rows. The figures are medians
of the rounds, the ratios those of the turns. isolet and workerd have to answer every row, and alike. A row that Node.js cannot run, or answers
otherwise, is a line below the table. Without a program `node` its columns are left out. `--row` chooses the rows whose name has this text.
"""

import argparse
import http.client
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

PORT = 18950
DATE = "2026-11-01"
TARGET_SECONDS = 0.05
CONFIG = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "index.js", esModule = embed "index.js")], compatibilityDate = "%s"))],
  sockets = [(name = "http", address = "127.0.0.1:%d", http = (), service = "main")]
);
"""


class RowFailed(Exception):
    """A server cannot run a row."""


def children(pid):
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += children(int(child))
    return found


def cpu_seconds(pid):
    """The CPU time of all threads of a process and of each of those that it started."""
    found = {}
    for process in children(pid):
        tasks = pathlib.Path(f"/proc/{process}/task").glob("*/schedstat")
        found[process] = sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
    return found


class Server:
    def __init__(self, command, port):
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.port, self.counts = port, {}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def get(self, path):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise RowFailed(text)
        return text

    def rows(self):
        for _ in range(200):
            try:
                return json.loads(self.get("/"))
            except OSError:
                self.connection.close()
                time.sleep(0.05)
        raise SystemExit(f"nothing answers on port {self.port}")

    def measure(self, row, count):
        while True:
            try:
                before = cpu_seconds(self.process.pid)
                answer = self.get(f"/{urllib.parse.quote(row, safe='')}?count={count}")
                after = cpu_seconds(self.process.pid)
            except FileNotFoundError:
                continue
            # isolet replaces a process that has used much memory.
            if before.keys() == after.keys():
                return sum(after.values()) - sum(before.values()), answer

    def calibrate(self, row):
        """The count that takes about 50 ms. Its steps also warm the code up."""
        count = 1
        while True:
            taken, _ = self.measure(row, count)
            if taken > TARGET_SECONDS / 2 or count >= 1 << 22:
                return max(1, int(count * TARGET_SECONDS / taken))
            count *= 4

    def per_call(self, row):
        """Microseconds of CPU for one time, and the sum that the row computes."""
        if row not in self.counts:
            self.counts[row] = self.calibrate(row)
        taken, answer = self.measure(row, self.counts[row])
        return taken / self.counts[row] * 1e6, int(answer) / self.counts[row]

    def end(self):
        self.process.terminate()
        self.process.wait()


def version(program):
    """What a program prints of its version."""
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


class Servers:
    """The servers of one measurement: isolet, workerd, and Node.js if there is one."""

    def __init__(self, isolet, workerd, node, folder):
        source = pathlib.Path(__file__).parent / "web_apis"
        text = (source / "index.js").read_text()
        # Node.js takes the ending for the kind of module.
        for name in ("index.js", "index.mjs"):
            (folder / name).write_text(text)
        (folder / "wrangler.jsonc").write_text(json.dumps({"name": "bench", "main": "index.js", "compatibility_date": DATE}))
        (folder / "config.capnp").write_text(CONFIG % (DATE, PORT + 1))
        own = ["--no-token", "--listen", f"127.0.0.1:{PORT + 2}", "--worker", str(folder), "--worker-listen", f"127.0.0.1:{PORT}"]
        self.all = [Server([isolet, "serve", *own], PORT)]
        self.all.append(Server([workerd, "serve", str(folder / "config.capnp")], PORT + 1))
        if node:
            self.all.append(Server([node, str(source / "node.mjs"), str(folder), str(PORT + 3)], PORT + 3))

    def rows(self):
        return [server.rows() for server in self.all][0]

    def turn(self, row):
        """Microseconds of isolet, of workerd, and of Node.js or the reason for which there are none."""
        try:
            (own, own_sum), (other, other_sum) = [server.per_call(row) for server in self.all[:2]]
        except RowFailed as reason:
            raise SystemExit(f"{row}: {reason}") from reason
        assert own_sum == other_sum, f"{row}: {own_sum} and {other_sum}"
        third = None
        for server in self.all[2:]:
            try:
                third, third_sum = server.per_call(row)
                if third_sum != own_sum:
                    third = f"its answer is {third_sum:g}, that of the others {own_sum:g}"
            except RowFailed as reason:
                third = str(reason)
        return own, other, third

    def end(self):
        for server in self.all:
            server.end()


def cells(own, others):
    """The cells of another server, and the median of the ratios to it."""
    ratio = statistics.median(a / b for a, b in zip(own, others))
    mark = "**" if ratio > 1 else ""
    return f"{statistics.median(others):.2f} µs | {mark}{ratio:.2f}{mark}", ratio


def table(figures, has_node):
    """Prints the rows, and what Node.js cannot do."""
    print(f"| code | isolet | workerd | ratio |{' Node.js | ratio |' if has_node else ''}\n|---|---|---|---|{'---|---|' if has_node else ''}")
    ratios, missing = {"workerd": [], "Node.js": []}, []
    for row, turns in figures.items():
        own, workerd, node = zip(*turns)
        text, ratio = cells(own, workerd)
        ratios["workerd"].append(ratio)
        line = f"| `{row}` | {statistics.median(own):.2f} µs | {text} |"
        reason = next((turn for turn in node if isinstance(turn, str)), None)
        if reason is not None:
            missing.append(f"- `{row}` is not measured in Node.js: {reason}")
            line += " | |"
        elif has_node:
            text, ratio = cells(own, node)
            ratios["Node.js"].append(ratio)
            line += f" {text} |"
        print(line)
    print()
    for name, found in ratios.items():
        if found:
            slower = sum(ratio > 1 for ratio in found)
            mean = statistics.geometric_mean(found)
            print(f"Geometric mean of the ratios to {name}: {mean:.2f}; {slower} of {len(found)} rows are slower than {name}.")
    print("\n".join(["", *missing]) if missing else "", end="\n" if missing else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("isolet", help="the program isolet")
    parser.add_argument("workerd", help="the program workerd")
    parser.add_argument("--node", default=shutil.which("node"), help="the program node")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--row", default="", metavar="TEXT", help="only the rows whose name has this text")
    asked = parser.parse_args()
    programs = {"isolet": asked.isolet, "workerd": asked.workerd} | ({"Node.js": asked.node} if asked.node else {})
    with tempfile.TemporaryDirectory() as folder:
        servers = Servers(asked.isolet, asked.workerd, asked.node, pathlib.Path(folder))
        try:
            figures = {row: [] for row in servers.rows() if asked.row in row}
            for _ in range(asked.rounds):
                for row in figures:
                    figures[row].append(servers.turn(row))
        finally:
            servers.end()
    table(figures, bool(asked.node))
    print(f"\n{', '.join(f'{name}: {version(program)}' for name, program in programs.items())}; rounds: {asked.rounds}.")


if __name__ == "__main__":
    main()
