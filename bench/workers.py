#!/usr/bin/env python3
"""Measures Workers on isolet and on workerd, in turns, and prints a Markdown table.

    bench/workers.py ISOLET BENCH WORKERD [ROUNDS]     the programs isolet and isolet-bench (release builds), and workerd from npm

Each round starts both servers, one after the other, and puts the same load on them: 32 connections for 5 s after 1 s of warm-up. CPU is that of
all processes of a server. The ratios are medians of the rounds.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

WORKERS = {
    "hello world": ("export default { fetch: () => new Response('Hello, world!') };", "Hello", None),
    "JSON": (
        "const rows = Array.from({ length: 20 }, (_, id) => ({ id, name: `row ${id}`, tags: ['a', 'b'] }));"
        "export default { fetch: (request) => Response.json({ path: new URL(request.url).pathname, rows }) };",
        '"rows"',
        None,
    ),
    "1 MB through a TransformStream": (
        "const empty = () => new Response('ready').body;"
        "export default { fetch: (request) => new Response((request.body ?? empty()).pipeThrough(new TransformStream())) };",
        "xxxx",
        "x" * 1_000_000,
    ),
}
CONFIG = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "index.js", esModule = embed "index.js")], compatibilityDate = "2026-11-01"))],
  sockets = [(name = "http", address = "127.0.0.1:%d", http = (), service = "main")]
);
"""
PORT = 18940


def measure(bench, command, port, expected, body):
    url = f"http://127.0.0.1:{port}/"
    load = ["--connections", "32", "--duration", "5s", "--warm-up", "1s", "--expect", expected, "--json", "--quiet-target"]
    if body:
        load += ["--method", "POST", "--body", f"@{body}"]
    done = subprocess.run([bench, "spawn", url, "--ready", url if not body else url + "?ready", *load, "--", *command], stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and not any(report["failures"].values()), report
    return report


def main(isolet, bench, workerd, rounds="3"):
    isolet, bench, workerd = (str(pathlib.Path(program).resolve()) for program in (isolet, bench, workerd))
    print("| Worker | requests/s: isolet | workerd | ratio | CPU per request: isolet | workerd | ratio | p99: isolet | workerd |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name, (code, expected, content) in WORKERS.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "index.js").write_text(code)
            (folder / "wrangler.jsonc").write_text('{ "name": "bench", "main": "index.js", "compatibility_date": "2026-11-01" }')
            (folder / "config.capnp").write_text(CONFIG % PORT)
            body = None
            if content:
                body = folder / "body"
                body.write_text(content)
            commands = {
                "isolet": [isolet, "serve", "--no-token", "--listen", f"127.0.0.1:{PORT + 1}", "--worker", str(folder), "--worker-listen", f"127.0.0.1:{PORT}"],
                "workerd": [workerd, "serve", str(folder / "config.capnp")],
            }
            reports = {side: [] for side in commands}
            for _ in range(int(rounds)):
                for side, command in commands.items():
                    reports[side].append(measure(bench, command, PORT, expected, body))

            def median(side, value):
                return statistics.median(value(report) for report in reports[side])

            def ratio(value):
                return statistics.median(value(a) / value(b) for a, b in zip(reports["isolet"], reports["workerd"]))

            def rate(report):
                return report["per_second"]

            def cpu(report):
                return report["target_cpu_ms_per_request"] * 1000

            def slow(report):
                return report["latency_us"]["p99"] / 1000

            print(
                f"| {name} | {median('isolet', rate):,.0f} | {median('workerd', rate):,.0f} | **{ratio(rate):.1f}** "
                f"| {median('isolet', cpu):.0f} µs | {median('workerd', cpu):.0f} µs | {ratio(cpu):.2f} "
                f"| {median('isolet', slow):.1f} ms | {median('workerd', slow):.1f} ms |",
                flush=True,
            )


main(*sys.argv[1:])
