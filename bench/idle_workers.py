#!/usr/bin/env python3
"""Measures the memory of idle Workers, from outside.

    bench/idle_workers.py ISOLET PROJECT COUNT [SECONDS]     PROJECT is a folder with its packages installed, whose Worker answers `GET /`

Serves COUNT Workers of the project, sends each a request, waits (3 s without SECONDS; after 80 the processes that took requests have ended), and prints
the PSS of their processes: shared pages are divided among those that have them. It reads /proc/PID/smaps_rollup, which takes root. The zygotes are
counted apart.
"""

import http.client
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

PORT = 18942


def status(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return {"parent": int(fields[1]), "group": int(fields[2])}


def pss(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])


def children(parent):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if status(entry.name)["parent"] == parent:
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def main(isolet, project, count, seconds="3"):
    count = int(count)
    with tempfile.TemporaryDirectory() as folder:
        settings = pathlib.Path(folder) / "isolet.toml"
        path = pathlib.Path(project).resolve()
        workers = (f"[[workers.worker]]\npath = '{path}'\nname = 'w{n}'\nroutes = ['w{n}.example/*']\n" for n in range(count))
        settings.write_text(f"[workers]\nlisten = '127.0.0.1:{PORT}'\nprocesses = 1\n" + "".join(workers))
        command = [isolet, "serve", "--no-token", "--listen", f"127.0.0.1:{PORT + 1}", "--config", str(settings)]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            for line in server.stderr:
                if "isolet serves " in line:
                    break
            # Unread lines would fill the pipe and stop the server.
            threading.Thread(target=server.stderr.read, daemon=True).start()
            for n in range(count):
                connection = http.client.HTTPConnection("127.0.0.1", PORT)
                connection.request("GET", "/", headers={"Host": f"w{n}.example"})
                connection.getresponse().read()
                connection.close()
            time.sleep(float(seconds))
            zygotes = [pid for pid in children(server.pid) if b" zygote " in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")]
            ours = {zygote: status(zygote)["group"] for zygote in zygotes}
            below = [(pid, zygote) for zygote in zygotes for pid in children(zygote)]
            workers = [pid for pid, zygote in below if status(pid)["group"] != ours[zygote]]
            total = sum(pss(pid) for pid in workers)
            print(f"{count} Workers, {len(workers)} processes of theirs: PSS {total / 1024:.1f} MiB, {total / 1024 / count:.2f} MiB each")
            print(f"{len(zygotes)} zygotes: {sum(pss(pid) for pid in zygotes) / 1024:.1f} MiB; the broker: {pss(server.pid) / 1024:.1f} MiB")
        finally:
            server.terminate()
            server.wait()


main(*sys.argv[1:])
