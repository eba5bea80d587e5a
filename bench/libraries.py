#!/usr/bin/env python3
"""Measures what libraries cost the runs of `isolet serve`: servers with and without them, in turns.

usage: bench/libraries.py ISOLET FOLDER [ROUNDS] [RUNS]
FOLDER has zod, date-fns and lodash-es in node_modules. Each server gets RUNS requests (300) in each of ROUNDS rounds (15). Prints the medians
of CPU per run (of all processes of a server), of its ratio to that of the first server in the same round, of page faults and of latency.
"""
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PLAIN = "export default () => 1"
ALL = "import { z } from 'zod'; import { format } from 'date-fns'; import { chunk } from 'lodash-es';"
# The name, the script, and the libraries of the server.
CASES = [
    ("none", PLAIN, ""),
    ("none, once more", PLAIN, ""),
    ("three, none imported", PLAIN, "zod,date-fns,lodash-es"),
    ("zod imported", f"import {{ z }} from 'zod'; {PLAIN}", "zod"),
    ("three imported", f"{ALL} {PLAIN}", "zod,date-fns,lodash-es"),
    ("zod used", "import { z } from 'zod'; export default () => z.object({ a: z.number() }).parse({ a: 1 }).a", "zod"),
]


class Server:
    def __init__(self, program, folder, home, case):
        self.name, self.code, libraries = case
        options = ["--library", libraries, "--library-folder", folder] if libraries else []
        command = [program, "serve", "--port", "0", "--no-token", "--zygotes", "1", *options]
        self.process = subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE, text=True, env=os.environ | {"HOME": home})
        for line in self.process.stderr:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                break
        else:
            sys.exit("isolet did not start")
        self.port = int(found[1])
        threading.Thread(target=lambda: list(self.process.stderr), daemon=True).start()
        self.rounds = []

    def tree(self, pid):
        found = [pid]
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                for child in open(f"/proc/{pid}/task/{task}/children").read().split():
                    found += self.tree(int(child))
        except OSError:
            pass
        return found

    def usage(self):
        """CPU time in ms and page faults of all processes, those that have ended among them."""
        cpu, faults = 0, 0
        for pid in self.tree(self.process.pid):
            try:
                fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            cpu += sum(map(int, fields[11:15]))
            faults += int(fields[7]) + int(fields[8])
        return cpu * 1000 / os.sysconf("SC_CLK_TCK"), faults

    def round(self, runs):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        body = json.dumps({"code": self.code})

        def run():
            connection.request("POST", "/v1/run", body, {"content-type": "application/json"})
            report = json.loads(connection.getresponse().read())
            assert report["ok"], report

        run()
        time.sleep(0.05)
        (cpu, faults), started = self.usage(), time.monotonic()
        for _ in range(runs):
            run()
        latency = (time.monotonic() - started) * 1000 / runs
        time.sleep(0.05)
        (cpu_after, faults_after) = self.usage()
        self.rounds.append(((cpu_after - cpu) / runs, (faults_after - faults) / runs, latency))


def main():
    program, folder = map(os.path.abspath, sys.argv[1:3])
    rounds, runs = (int(sys.argv[at]) if len(sys.argv) > at else usual for at, usual in ((3, 15), (4, 300)))
    with tempfile.TemporaryDirectory() as home:
        servers = [Server(program, folder, home, case) for case in CASES]
        try:
            time.sleep(2)
            for _ in range(rounds):
                for server in servers:
                    server.round(runs)
        finally:
            for server in servers:
                server.process.terminate()
                server.process.wait()
    first = [cpu for cpu, _, _ in servers[0].rounds]
    for server in servers:
        cpu, faults, latency = (statistics.median(column) for column in zip(*server.rounds))
        ratio = statistics.median(mine[0] / other for mine, other in zip(server.rounds, first))
        print(f"{server.name}: CPU {cpu:.3f} ms, ratio {ratio:.3f}, {faults:.0f} page faults, latency {latency:.3f} ms")


main()
