#!/usr/bin/env python3
"""Writes `answers.json` of a project: what `wrangler dev` answers to its `requests.json`.

    tests/workers/record.py FOLDER WRANGLER [ENVIRONMENT ...]

FOLDER has the project with its packages installed, WRANGLER is the program. The answers of an environment are in
`answers.ENVIRONMENT.json`. `{etag}` in a request stands for the ETag of the answer before it. The times of files are not those
of a checkout, so ETags that wrangler made are recorded as `<etag>`.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

PORT = 18787

# Headers of the connection, and those that the answers have elsewhere. Nothing is cached by isolet.
LEFT_OUT = {"connection", "content-length", "content-type", "date", "keep-alive", "transfer-encoding", "cf-cache-status"}


def ask(request, etag=""):
    headers = {name: value.replace("{etag}", etag) for name, value in request.get("headers", {}).items()}
    body = request.get("body")
    connection = http.client.HTTPConnection("localhost", PORT, timeout=30)
    connection.putrequest(request.get("method", "GET"), request["path"], skip_accept_encoding=True)
    if body is not None:
        headers.setdefault("content-length", str(len(body.encode())))
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body and body.encode())
    answer = connection.getresponse()
    text = answer.read().decode()
    found = {}
    for name, value in answer.getheaders():
        if name.lower() not in LEFT_OUT:
            value = re.sub(r'^"[0-9a-f]{32}"$', "<etag>", value)
            found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
    recorded = {"status": answer.status, "type": answer.getheader("content-type")}
    if found:
        recorded["headers"] = dict(sorted(found.items()))
    return recorded | {"text": text}, answer.getheader("etag") or ""


def record(folder, wrangler, environment):
    requests = json.loads((folder / "requests.json").read_text())
    command = [wrangler, "dev", "--port", str(PORT), "--show-interactive-dev-session=false"]
    if environment:
        command += ["--env", environment]
    # The server before it may still be ending.
    while True:
        try:
            socket.create_connection(("localhost", PORT), timeout=1).close()
            time.sleep(0.2)
        except OSError:
            break
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=folder, start_new_session=True, **quiet)
    try:
        for _ in range(100):
            try:
                ask({"path": "/"})
                break
            except (http.client.HTTPException, OSError):
                time.sleep(0.3)
        answers, etag = [], ""
        for request in requests:
            answer, etag = ask(request, etag)
            answers.append(answer)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    name = f"answers.{environment}.json" if environment else "answers.json"
    lines = ",\n".join("  " + json.dumps(answer, ensure_ascii=False) for answer in answers)
    (folder / name).write_text(f"[\n{lines}\n]\n")


def main(folder, wrangler, *environments):
    for environment in environments or ("",):
        record(pathlib.Path(folder), wrangler, environment)


main(*sys.argv[1:])
