#!/usr/bin/env python3
"""Times a reload of `isolet dev`, from the write of a file to the first answer of the new version.

    bench/dev_reload.py ISOLET RUNS [PROJECT FILE]     FILE is a module of PROJECT that is imported; without them a project of one file

Each run appends a line to the file and asks without a pause until standard error says that the project was reloaded, and the next answer has come.
Prints the median, the least and the greatest in milliseconds.
"""

import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

CONFIG = '{ "name": "reload", "main": "index.js", "compatibility_date": "2026-11-01" }'
WORKER = "export default { fetch: () => new Response('hello') };\n"


def main(isolet, runs, project=None, file="index.js"):
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(project or made)
        if not project:
            (folder / "wrangler.jsonc").write_text(CONFIG)
            (folder / file).write_text(WORKER)
        changed = folder / file
        kept = pathlib.Path(made) / "kept"
        shutil.copy(changed, kept)
        server = subprocess.Popen([isolet, "dev", str(folder), "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
        reloaded = threading.Event()
        try:
            url = next(found[1] for line in server.stderr if (found := re.search(r" on (http://\S+)", line)))

            def read():
                for line in server.stderr:
                    if "reloaded " in line:
                        reloaded.set()

            threading.Thread(target=read, daemon=True).start()
            times = []
            for run in range(int(runs)):
                urllib.request.urlopen(url).read()
                time.sleep(0.4)
                reloaded.clear()
                begun = time.perf_counter()
                with changed.open("a") as text:
                    text.write(f"// {run}\n")
                assert reloaded.wait(20), "it was not reloaded"
                urllib.request.urlopen(url).read()
                times.append((time.perf_counter() - begun) * 1000)
            print(f"write to first answer: median {statistics.median(times):.1f} ms, {min(times):.1f} to {max(times):.1f}")
        finally:
            server.terminate()
            server.wait()
            shutil.copy(kept, changed)


main(*sys.argv[1:])
