"""Runs Python scripts in Monty, Pydantic's sandboxed interpreter: a session in one of its worker processes for each.

    server.py PORT
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pydantic_monty


def add(a, b):
    return {"sum": a + b}


def wait(ms):
    time.sleep(ms / 1000)
    return {"waited": ms}


def text(bytes):
    return "x" * bytes


TOOLS = {"add": add, "wait": wait, "text": text}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write for head and body: two segments would wait for a delayed acknowledgement.
    wbufsize = 1 << 16

    def do_GET(self):
        self.answer(b"ok")

    def do_POST(self):
        code = json.loads(self.rfile.read(int(self.headers["content-length"])))["code"]
        try:
            with pool.checkout() as session:
                answer = {"ok": True, "result": session.feed_run(code, external_lookup=TOOLS)}
        except Exception as error:
            answer = {"ok": False, "error": str(error)}
        self.answer(json.dumps(answer, separators=(",", ":")).encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


with pydantic_monty.Monty() as pool:
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
