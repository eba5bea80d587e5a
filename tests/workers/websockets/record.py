#!/usr/bin/env python3
"""Writes `answers.json`: what `wrangler dev` does in the steps of `steps.json`.

After a close that workerd has answered by itself it may report a lost connection. The standard has no event after `close`, and
neither have the answers.

    tests/workers/websockets/record.py FOLDER WRANGLER

FOLDER has the project with its packages installed, WRANGLER is the program. The tests take the same steps; see
`tests/websockets.rs` for what a step is. The package `websockets` has the client.
"""

import base64
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

PORT = 18788


def get(path):
    with urllib.request.urlopen(f"http://localhost:{PORT}{path}", timeout=10) as answer:
        return json.load(answer)


LATE_ERROR = ["error", "Uncaught Error: Network connection lost.", 3]


def without_late_errors(value):
    if not isinstance(value, list):
        return value
    return [without_late_errors(item) for item in value if item != LATE_ERROR]


def closed(socket):
    frame = socket.protocol.close_rcvd
    return ["lost"] if frame is None else ["close", frame.code, frame.reason]


def take(step):
    if step.get("plain"):
        return {"seen": without_late_errors(get(step["path"]))}
    url = f"ws://localhost:{PORT}{step['path']}"
    try:
        socket = connect(url, subprotocols=step.get("protocols"), compression=None, ping_interval=None, close_timeout=5)
    except InvalidStatus as error:
        return {"status": error.response.status_code, "text": error.response.body.decode()}
    answer = {"status": 101, "protocol": socket.subprotocol, "received": []}
    for kind, data in step.get("send", []):
        socket.send(data if kind == "text" else base64.b64decode(data))

    def receive():
        data = socket.recv(timeout=10)
        answer["received"].append(["text", data] if isinstance(data, str) else ["bytes", base64.b64encode(data).decode()])

    try:
        for _ in range(step.get("receive", 0)):
            receive()
        if step.get("cut"):
            time.sleep(0.3)
            socket.socket.shutdown(2)
        elif "close" in step:
            socket.protocol.send_close(*(step["close"] or [None]))
            for data in socket.protocol.data_to_send():
                socket.socket.sendall(data)
        while True:
            receive()
    except ConnectionClosed:
        pass
    if not step.get("cut"):
        answer["received"].append(closed(socket))
    if step.get("seen"):
        time.sleep(0.5)
        answer["seen"] = without_late_errors(get("/seen"))
    return answer


def main(folder, wrangler):
    folder = pathlib.Path(folder)
    command = [wrangler, "dev", "--port", str(PORT), "--show-interactive-dev-session=false"]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                get("/seen")
                break
            except OSError:
                time.sleep(0.3)
        answers = [take(step) for step in json.loads((folder / "steps.json").read_text())]
    finally:
        server.terminate()
        server.wait()
    lines = ",\n".join("  " + json.dumps(answer, ensure_ascii=False) for answer in answers)
    (folder / "answers.json").write_text(f"[\n{lines}\n]\n")


main(*sys.argv[1:])
