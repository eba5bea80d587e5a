#!/usr/bin/env python3
"""Writes `answers.json` of a project: what `wrangler dev` answers to its `requests.json`.

    tests/workers/record.py FOLDER WRANGLER     FOLDER has the project with its packages installed, WRANGLER is the program
"""

import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

PORT = 18787


def ask(request):
    headers = request.get("headers", {})
    body = request.get("body")
    url = f"http://localhost:{PORT}{request['path']}"
    asked = urllib.request.Request(url, body and body.encode(), headers, method=request.get("method", "GET"))
    try:
        answer = urllib.request.urlopen(asked, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    text = answer.read().decode()
    return {"status": answer.status, "type": answer.headers.get("content-type"), "text": text}


def main(folder, wrangler):
    folder = pathlib.Path(folder)
    requests = json.loads((folder / "requests.json").read_text())
    command = [wrangler, "dev", "--port", str(PORT), "--show-interactive-dev-session=false"]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                ask({"path": "/"})
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.3)
        answers = [ask(request) for request in requests]
    finally:
        server.terminate()
        server.wait()
    (folder / "answers.json").write_text(json.dumps(answers, indent=2, ensure_ascii=False) + "\n")


main(*sys.argv[1:])
