#!/usr/bin/env python3
"""Measures the Web APIs of isolet and of workerd, in turns, and prints a Markdown table.

    bench/web_apis.py ISOLET WORKERD [ROUNDS [ROW]]     the program isolet (a release build), and workerd from npm

Both servers run the Worker `bench/web_apis/index.js`, whose rows are short pieces of code. A request runs one row so many times that it takes
about 50 ms. What counts is the CPU time of all threads of the server's processes, which other programs disturb less than the time on the clock;
collections of garbage and compilations are part of it. Rounds go through all rows. The figures are medians of the rounds, the ratio that of each pair.
`ROW` chooses the rows whose name has this text.
"""

import http.client
import json
import pathlib
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
        assert answer.status == 200, f"{path}: {answer.status} {text}"
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


def main(isolet, workerd, rounds="5", chosen=""):
    source = pathlib.Path(__file__).parent / "web_apis" / "index.js"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "index.js").write_text(source.read_text())
        (folder / "wrangler.jsonc").write_text(json.dumps({"name": "bench", "main": "index.js", "compatibility_date": DATE}))
        (folder / "config.capnp").write_text(CONFIG % (DATE, PORT + 1))
        own = ["--no-token", "--listen", f"127.0.0.1:{PORT + 2}", "--worker", str(folder), "--worker-listen", f"127.0.0.1:{PORT}"]
        servers = [Server([isolet, "serve", *own], PORT), Server([workerd, "serve", str(folder / "config.capnp")], PORT + 1)]
        try:
            rows = [row for row in [server.rows() for server in servers][0] if chosen in row]
            figures = {row: [] for row in rows}
            for _ in range(int(rounds)):
                for row in rows:
                    (own, own_sum), (other, other_sum) = [server.per_call(row) for server in servers]
                    assert own_sum == other_sum, f"{row}: {own_sum} and {other_sum}"
                    figures[row].append((own, other))
        finally:
            for server in servers:
                server.end()
    print("| code | isolet | workerd | ratio |\n|---|---|---|---|")
    ratios = []
    for row, pairs in figures.items():
        own, other = (statistics.median(side) for side in zip(*pairs))
        ratios.append(statistics.median(a / b for a, b in pairs))
        print(f"| `{row}` | {own:.2f} µs | {other:.2f} µs | {'**' if ratios[-1] > 1 else ''}{ratios[-1]:.2f}{'**' if ratios[-1] > 1 else ''} |")
    slower = sum(ratio > 1 for ratio in ratios)
    print(f"\nGeometric mean of the ratios: {statistics.geometric_mean(ratios):.2f}; {slower} of {len(ratios)} rows are slower than workerd.")


main(*sys.argv[1:])
