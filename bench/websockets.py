#!/usr/bin/env python3
"""Measures WebSockets of a Worker on isolet and on workerd, in turns, and prints a Markdown table.

    bench/websockets.py ISOLET WORKERD [ROUNDS]     the program isolet (a release build), and workerd from npm

Each round starts both servers, one after the other. 32 connections each send a text of 64 bytes and wait for its echo, for 5 s after 1 s of
warm-up; then 800 idle connections are opened. CPU and memory (PSS) are those of all processes of a server. The client is this process, on the same
machine: its own CPU time bounds what it can measure.
"""

import pathlib
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PORT = 18950
CONNECTIONS, IDLE = 32, 800
CODE = """export default { fetch() {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.addEventListener("message", ({ data }) => server.send(data));
  return new Response(null, { status: 101, webSocket: client });
} };"""
CONFIG = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "index.js", esModule = embed "index.js")], compatibilityDate = "2026-04-20"))],
  sockets = [(name = "http", address = "127.0.0.1:%d", http = (), service = "main")]
);
"""
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT = b"x" * 64
# A mask of zeros leaves the text as it is.
MESSAGE = bytes([0x81, 0x80 | len(TEXT), 0, 0, 0, 0]) + TEXT
ECHO = bytes([0x81, len(TEXT)]) + TEXT


def connect():
    connection = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(HANDSHAKE)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return connection


def processes(root):
    found, children = [root], {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def cpu(root):
    total = 0
    for pid in processes(root):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def memory(root):
    total = 0
    for pid in processes(root):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def echoes(pid):
    """Returns the messages for each second, and the server's CPU time for each message."""
    selector = selectors.DefaultSelector()
    connections = [connect() for _ in range(CONNECTIONS)]
    for connection in connections:
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, [b""])
        connection.send(MESSAGE)
    count, began, used, started = 0, None, 0.0, time.monotonic()
    while True:
        now = time.monotonic()
        if began is None and now - started >= 1:
            began, count, used = now, 0, cpu(pid)
        if began is not None and now - began >= 5:
            break
        for key, _ in selector.select():
            data = key.data[0] + key.fileobj.recv(4096)
            if len(data) < len(ECHO):
                key.data[0] = data
                continue
            assert data == ECHO, data
            key.data[0] = b""
            count += 1
            key.fileobj.send(MESSAGE)
    rate, each = count / (now - began), (cpu(pid) - used) / count
    for connection in connections:
        connection.close()
    return rate, each * 1e6


def idle(pid):
    """Returns the memory for each idle connection in KiB."""
    time.sleep(1)
    before = memory(pid)
    connections = [connect() for _ in range(IDLE)]
    time.sleep(1)
    after = memory(pid)
    for connection in connections:
        connection.close()
    return (after - before) / IDLE


def measure(command):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                connect().close()
                break
            except OSError:
                time.sleep(0.05)
        return (*echoes(server.pid), idle(server.pid))
    finally:
        server.terminate()
        server.wait()


def main(isolet, workerd, rounds="3"):
    isolet, workerd = (str(pathlib.Path(program).resolve()) for program in (isolet, workerd))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "index.js").write_text(CODE)
        (folder / "wrangler.jsonc").write_text('{ "name": "bench", "main": "index.js", "compatibility_date": "2026-04-20" }')
        (folder / "config.capnp").write_text(CONFIG % PORT)
        commands = {
            "isolet": [isolet, "serve", "--no-token", "--listen", f"127.0.0.1:{PORT + 1}", "--worker", str(folder), "--worker-listen", f"127.0.0.1:{PORT}"],
            "workerd": [workerd, "serve", str(folder / "config.capnp")],
        }
        found = {side: [] for side in commands}
        for _ in range(int(rounds)):
            for side, command in commands.items():
                found[side].append(measure(command))
    print("| | isolet | workerd | ratio |\n|---|---|---|---|")
    for at, (name, unit) in enumerate([("messages/s", "{:,.0f}"), ("CPU per message", "{:.0f} µs"), ("memory per idle WebSocket", "{:.1f} KiB")]):
        values = {side: [run[at] for run in runs] for side, runs in found.items()}
        ratio = statistics.median(a / b for a, b in zip(values["isolet"], values["workerd"]))
        shown = [unit.format(statistics.median(values[side])) for side in commands]
        print(f"| {name} | {shown[0]} | {shown[1]} | {ratio:.2f} |", flush=True)


main(*sys.argv[1:])
