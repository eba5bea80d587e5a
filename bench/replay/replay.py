#!/usr/bin/env python3
"""Measures the cost and savings of code mode in tokens, on tasks of tau2 and of the Berkeley Function-Calling Leaderboard,
replayed without a model.

    python3 -m venv v && v/bin/pip install --no-deps -r requirements.txt
    v/bin/python replay.py PATH/isolet [--suite retail] [--json FILE]

The true calls of each task are made once call by call and once as scripts through `isolet serve`; every final state has to be
equal. Both are also timed. README.md says what is counted.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import bfcl
import tau2
from client import Isolet
from counting import Conversation, tokens
from scripts import compact, script

SUITES = ("retail", "airline", "multi-turn", "parallel", "parallel_multiple", "live_parallel", "live_parallel_multiple")
# Times that a task's calls and scripts are made for the time: the median of each side is the task's.
ROUNDS = 3
# Servers of one isolet at once, of the suites in which each task has tools of its own.
BATCH = 25


class Task:
    """One task as it was replayed: the tokens of both sides, for each prompt of code mode."""

    def __init__(self, definitions, task, steps, calls_in_turn):
        self.steps = steps
        self.calls = sum(len(step.calls) for step in steps)
        self.call_by_call = Conversation(definitions)
        self.results = 0
        for step in steps:
            self.call_by_call.hears(tokens(step.said))
            exchanges = [
                (tokens(compact({"name": call.name, "arguments": call.arguments})), tokens(call.text)) for call in step.calls
            ]
            self.results += sum(len(call.text.encode()) for call in step.calls)
            if not calls_in_turn:  # all calls in one request
                exchanges = [(sum(written for written, _ in exchanges), sum(read for _, read in exchanges))]
            for written, read in exchanges:
                self.call_by_call.exchange(written, read)
            self.call_by_call.answers()
        self.id, self.is_equal = task.id, True
        self.scripts = []
        # The times of all scripts, and of the same calls one by one, in each round.
        self.seconds, self.call_seconds = [], []
        self.seen = 0
        self.code = {}

    def ran(self, code, result):
        self.scripts.append((tokens(code), tokens(result)))
        self.seen += len(result.encode())

    def count(self, name, prompt, before=()):
        """Code mode with a prompt. `before`: exchanges before the first script, such as a search."""
        talk = Conversation(prompt)
        scripts = iter(self.scripts)
        for number, step in enumerate(self.steps):
            talk.hears(tokens(step.said))
            for exchange in before if number == 0 else ():
                talk.exchange(*exchange)
            if step.calls:
                talk.exchange(*next(scripts))
            talk.answers()
        self.code[name] = talk


def replay(isolet, server, tasks, with_consent=False, parallel=False):
    """Runs the scripts of tasks, whose final state has to be that of the calls. A task with another one is marked."""
    for task, counted in tasks:
        isolet.begin(server, task)
        seconds, counted.scripts, counted.seen = 0.0, [], 0
        for step in task.with_consent() if with_consent else task.steps:
            if step.calls:
                code = script(server, step.said, step.calls, step.wanted, parallel)
                result, taken = isolet.run(code)
                counted.ran(code, result)
                seconds += taken
        counted.seconds.append(seconds)
        counted.is_equal &= isolet.digest(server) == task.digest


def call_by_call(isolet, server, tasks):
    """Makes the calls of tasks, each with a request of its own."""
    for task, counted in tasks:
        calls = [(isolet.exposed_name(server, call.name), call.arguments) for step in task.steps for call in step.calls]
        isolet.begin(server, task)
        counted.call_seconds.append(sum(isolet.pass_through(name, arguments) for name, arguments in calls))
        counted.is_equal &= isolet.digest(server) == task.digest


def replay_timed(isolet, exposing, server, tasks, parallel=False):
    """Makes the calls and runs the scripts of each task in turns. `exposing` passes the tools through."""
    for pair in tasks:
        for _ in range(ROUNDS):
            call_by_call(exposing, server, [pair])
            replay(isolet, server, [pair], parallel=parallel)


def measure(program, name, server, suite, tasks):
    """A suite whose tasks share their tools."""
    definitions = sum(tokens(compact(tool)) for tool in suite.tools())
    counted = [Task(definitions, task, task.steps, calls_in_turn=True) for task in tasks]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        isolet = Isolet(program, {server: name}, Path(folder))
        # Of its own, as the tools that it passes through are part of its list, and it must not learn types for the other one.
        exposing = Isolet(program, {server: name}, Path(other), "--expose-tools", "*")
        try:
            prompts = {f"{level}, cold": tokens(isolet.text(f"/v1/types?detail={level}")) for level in ("brief", "full")}
            prompts["MCP: run, cold"] = isolet.face()
            replay_timed(isolet, exposing, server, list(zip(tasks, counted)))
            time.sleep(1)
            prompts |= {f"{level}, learned": tokens(isolet.text(f"/v1/types?detail={level}")) for level in ("brief", "full")}
            face = prompts["MCP: run, learned"] = isolet.face()
            for task, one in zip(tasks, counted):
                for prompt, size in prompts.items():
                    one.count(prompt, size)
                names = list(dict.fromkeys(f"{server}/{call.name}" for step in task.steps for call in step.calls))
                described = isolet.call("describe", {"tools": names})
                searched = isolet.call("search", {"query": task.question})
                one.count("MCP: describe, run", face, [described])
                one.count("MCP: search, describe, run", face, [searched, described])
            if hasattr(tasks[0], "with_consent"):
                consent = [Task(definitions, task, task.with_consent(), calls_in_turn=True) for task in tasks]
                for pair in zip(tasks, consent):
                    for _ in range(ROUNDS):
                        replay(isolet, server, [pair], with_consent=True)
                for one, two in zip(counted, consent):
                    one.is_equal &= two.is_equal
                    one.two_script_seconds = two.seconds
                    for prompt in ("brief, cold", "MCP: run, cold"):
                        two.count(prompt, prompts[prompt])
                        one.code[f"{prompt}, two scripts"] = two.code[prompt]
        finally:
            isolet.end()
            exposing.end()
    return counted


def measure_parallel(program, kind, limit):
    """A suite in which each task has tools of its own, and all of its calls can be made at once."""
    tasks = list(bfcl.parallel(kind))[:limit]
    counted = []
    for start in range(0, len(tasks), BATCH):
        batch = tasks[start : start + BATCH]
        servers = {f"t{number}": place for number, (place, _, _) in enumerate(batch)}
        with tempfile.TemporaryDirectory() as folder:
            isolet = Isolet(program, servers, Path(folder), "--expose-tools", "*")
            try:
                for server, (_, suite, task) in zip(servers, batch):
                    definitions = sum(tokens(compact(tool)) for tool in suite.tools())
                    one = Task(definitions, task, task.steps, calls_in_turn=False)
                    sizes = {level: tokens(isolet.text(f"/v1/types?tools={server}/*&detail={level}")) for level in ("brief", "full")}
                    replay_timed(isolet, isolet, server, [(task, one)], parallel=True)
                    for level, size in sizes.items():
                        one.count(f"{level}, cold", size)
                    counted.append(one)
            finally:
                isolet.end()
    return counted


def table(name, tasks):
    """The figures of a suite, as Markdown and as values."""
    others = [task.id for task in tasks if not task.is_equal]
    tasks = [task for task in tasks if task.is_equal]
    calls = sum(task.calls for task in tasks)
    prompts = list(tasks[0].code)
    base = [task.call_by_call for task in tasks]
    results, seen = sum(task.results for task in tasks), sum(task.seen for task in tasks)
    values = {"suite": name, "tasks": len(tasks), "calls": calls, "result_bytes": results, "seen_bytes": seen, "prompts": {}}
    values["other_state"] = others
    values["requests"] = sum(talk.requests for talk in base)
    print(f"\n### {name}: {len(tasks)} tasks, {calls} calls\n")
    print(
        f"Call by call: {values['requests']} requests to the model, {sum(talk.written for talk in base)} tokens written, {sum(talk.once for talk in base)} "
        f"tokens in all, {sum(talk.resent for talk in base)} with every request sending all before. Results: {results} bytes, of which code mode shows "
        f"the model {seen}.\n"
    )
    if others:
        print(f"Left out, as the scripts left another state than the calls: {', '.join(others)}.\n")
    print("| prompt of code mode | its tokens | requests | tokens once: ratio | median | tasks that cost more | tokens resent: ratio | median | tasks that cost more |")
    print("|---|---|---|---|---|---|---|---|---|")
    for prompt in prompts:
        code = [task.code[prompt] for task in tasks]
        sizes = [talk.once - sum(a + b for a, b in task.scripts) for talk, task in zip(code, tasks)]
        row = {"requests": sum(talk.requests for talk in code), "written": sum(talk.written for talk in code)}
        cells = []
        for way in ("once", "resent"):
            ratios = [getattr(a, way) / getattr(b, way) for a, b in zip(base, code)]
            total = sum(getattr(talk, way) for talk in base) / sum(getattr(talk, way) for talk in code)
            worse = sum(ratio < 1 for ratio in ratios)
            row[way] = {"ratio": total, "median": statistics.median(ratios), "worse": worse}
            cells += [f"{total:.2f}", f"{statistics.median(ratios):.2f}", str(worse)]
        row["prompt_tokens"] = round(statistics.mean(sizes))
        values["prompts"][prompt] = row
        size = "" if "two scripts" in prompt else str(row["prompt_tokens"])
        print(f"| {prompt} | {size} | {row['requests']} | {' | '.join(cells)} |")
    by_length = {}
    for task in tasks:
        best = task.code[prompts[0]]
        by_length.setdefault(min(task.calls, 8), []).append(task.call_by_call.resent / best.resent)
    lengths = ", ".join(f"{'8 or more' if n == 8 else n}: {statistics.median(r):.2f} ({len(r)})" for n, r in sorted(by_length.items()))
    print(f"\nMedian of the ratio with every request sending all before, prompt `{prompts[0]}`, by the number of calls of a task (tasks): {lengths}.")
    values["wall"] = wall_times(tasks)
    return values


def wall_times(tasks):
    """The times of both sides without a model, as Markdown and as values."""
    sides = {"call by call": [task.call_seconds for task in tasks], "scripts": [task.seconds for task in tasks]}
    if hasattr(tasks[0], "two_script_seconds"):
        sides["two scripts"] = [task.two_script_seconds for task in tasks]
    sides = {side: [statistics.median(rounds) for rounds in all_rounds] for side, all_rounds in sides.items()}
    base, values = sides["call by call"], {}
    print("\n| time without a model | all tasks | median of a task | ratio | median of the ratios | tasks that take longer |")
    print("|---|---|---|---|---|---|")
    for side, seconds in sides.items():
        ratios = [a / b for a, b in zip(base, seconds)]
        row = {"seconds": sum(seconds), "median_ms": statistics.median(seconds) * 1000}
        row |= {"ratio": sum(base) / sum(seconds), "median_ratio": statistics.median(ratios), "worse": sum(ratio < 1 for ratio in ratios)}
        values[side] = row
        compared = "| | |" if side == "call by call" else f"{row['ratio']:.2f} | {row['median_ratio']:.2f} | {row['worse']} |"
        print(f"| {side} | {row['seconds']:.2f} s | {row['median_ms']:.1f} ms | {compared}")
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("isolet", help="the program")
    parser.add_argument("--suite", choices=SUITES, action="append", help="only this one (may be repeated)")
    parser.add_argument("--tasks", type=int, help="only the first of each suite")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    program, found = os.path.abspath(asked.isolet), []
    for name in asked.suite or SUITES:
        if name in ("retail", "airline"):
            [(server, suite, tasks)] = tau2.suites(name)
            counted = measure(program, name, server, suite, tasks[: asked.tasks])
        elif name == "multi-turn":
            counted = []
            for server, suite, tasks in bfcl.multi_turn():
                counted += measure(program, "+".join(suite.classes), server, suite, tasks[: asked.tasks])
        else:
            counted = measure_parallel(program, name, asked.tasks)
        found.append(table(name, counted))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
