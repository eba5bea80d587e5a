"""An agent on Anthropic's messages. isolet describes its tool `run`, runs what the model writes, and reports as text."""
import os, sys

import httpx
from anthropic import Anthropic

MODEL = os.environ.get("MODEL", "claude-sonnet-4-5")
TOOLS = os.environ.get("TOOLS", "*").split(",")  # what scripts may use, such as github/get_*
isolet = httpx.Client(
    base_url=os.environ.get("ISOLET_URL", "http://127.0.0.1:8787"),
    headers={"Authorization": f"Bearer {os.environ['ISOLET_TOKEN']}"},
    timeout=120,
)
anthropic = Anthropic()


def run(call) -> dict:
    """The report as the model should read it: a result, an error, or why the request was refused."""
    report = isolet.post("/v1/run", json=call.input | {"tools": TOOLS}, headers={"Accept": "text/plain"})
    failed = report.headers.get("Isolet-Run-Outcome") != "ok"
    return {"type": "tool_result", "tool_use_id": call.id, "content": report.text, "is_error": failed}


tool = isolet.get("/v1/tool", params={"format": "anthropic", "tools": ",".join(TOOLS)}).raise_for_status().json()
messages = [{"role": "user", "content": sys.argv[1]}]
for _ in range(20):
    reply = anthropic.messages.create(model=MODEL, max_tokens=4096, messages=messages, tools=[tool])
    messages.append({"role": "assistant", "content": reply.content})
    calls = [block for block in reply.content if block.type == "tool_use"]
    if not calls:
        print("".join(block.text for block in reply.content if block.type == "text"))
        break
    messages.append({"role": "user", "content": [run(call) for call in calls]})
