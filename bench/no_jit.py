#!/usr/bin/env python3
"""Measures the cost of V8 without its compilers: `isolet run` with and without --no-jit, in turns.

usage: bench/no_jit.py [ISOLET] [TURNS]     ISOLET: the program, target/release/isolet if nothing is said
Prints the median time of a whole command and its CPU, in milliseconds: for a script that returns a number, for one that calls tools,
for a loop that computes and for regular expressions. What runs cost in a service is measured by runtime/examples/throughput.rs.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

SCRIPTS = {
    "return 1 + 1": "return 1 + 1",
    "ten tool calls": "let sum = 0; for (let i = 0; i < 10; i++) sum += (await env.demo.add({ a: i, b: 1 })).sum; return sum",
    "JSON of 1 MB": "const rows = Array.from({ length: 10000 }, (_, id) => ({ id, name: 'row ' + id, tags: ['a', 'b'] })); "
    "return JSON.parse(JSON.stringify(rows)).filter((row) => row.id % 7 === 0).length",
    "a loop of 5,000,000": "let sum = 0; for (let i = 0; i < 5_000_000; i++) sum = (sum * 31 + i) % 1000003; return sum",
    "regular expressions": "const text = 'key=value; other=thing '.repeat(20000); let count = 0; "
    "for (const [, key] of text.matchAll(/(\\w+)=\\w+;?/g)) count += key.length; return count",
}


def main() -> None:
    program = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../target/release/isolet")
    program = os.path.abspath(program)
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 21
    with tempfile.TemporaryDirectory() as folder:
        for name, code in SCRIPTS.items():
            file = os.path.join(folder, "script.js")
            with open(file, "w", encoding="utf-8") as script:
                script.write(code)
            seen = {(): [], ("--no-jit",): []}
            answers = set()
            for _ in range(turns):
                for options, figures in seen.items():
                    before, started = os.times(), time.monotonic()
                    done = subprocess.run([program, "run", "-q", *options, file], cwd=folder, stdout=subprocess.PIPE, check=True)
                    wall = time.monotonic() - started
                    after = os.times()
                    answers.add(done.stdout)
                    cpu = after.children_user - before.children_user + after.children_system - before.children_system
                    figures.append((wall * 1000, cpu * 1000))
            assert len(answers) == 1, answers
            parts = []
            for options, figures in seen.items():
                wall, cpu = (statistics.median(column) for column in zip(*figures))
                parts.append(f"{'without' if options else 'with'} {wall:.1f} ms (CPU {cpu:.0f})")
            print(f"{name}: {', '.join(parts)}", flush=True)


main()
