#!/usr/bin/env python3
"""Times `isolet dev` from its start to the first answer.

    bench/dev_start.py ISOLET PROJECT RUNS     PROJECT is a folder with its packages installed, whose Worker answers `GET /`

Prints the median, the least and the greatest in milliseconds.
"""

import pathlib
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request


def answer(url):
    try:
        urllib.request.urlopen(url).read()
    except urllib.error.HTTPError as error:
        # A project that does not load is answered too.
        if error.code >= 500:
            sys.exit(f"the Worker failed: {error.read(2000).decode(errors='replace')}")


def first_answer(isolet, project):
    begun = time.perf_counter()
    command = [isolet, "dev", project, "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if found := re.search(r" on (http://\S+)", line):
                answer(found[1])
                return (time.perf_counter() - begun) * 1000
        sys.exit("isolet dev ended before it listened")
    finally:
        server.terminate()
        server.wait()


def main(isolet, project, runs):
    project = str(pathlib.Path(project))
    times = [first_answer(isolet, project) for _ in range(int(runs))]
    print(f"start to first answer: median {statistics.median(times):.1f} ms, {min(times):.1f} to {max(times):.1f}")


main(*sys.argv[1:])
