"""An agent on OpenAI's chat completions. isolet describes its tool `run`, runs what the model writes, and reports as text."""
import json, os, sys

import httpx
from openai import OpenAI

MODEL = os.environ.get("MODEL", "gpt-5")
TOOLS = os.environ.get("TOOLS", "*").split(",")  # what scripts may use, such as github/get_*
isolet = httpx.Client(
    base_url=os.environ.get("ISOLET_URL", "http://127.0.0.1:8787"),
    headers={"Authorization": f"Bearer {os.environ['ISOLET_TOKEN']}"},
    timeout=120,
)
openai = OpenAI()


def run(arguments: str) -> str:
    """The report as the model should read it: a result, an error, or why the request was refused."""
    body = json.loads(arguments) | {"tools": TOOLS}
    return isolet.post("/v1/run", json=body, headers={"Accept": "text/plain"}).text


tool = isolet.get("/v1/tool", params={"format": "openai", "tools": ",".join(TOOLS)}).raise_for_status().json()
messages = [{"role": "user", "content": sys.argv[1]}]
for _ in range(20):
    reply = openai.chat.completions.create(model=MODEL, messages=messages, tools=[tool]).choices[0].message
    messages.append(reply)
    if not reply.tool_calls:
        print(reply.content)
        break
    for call in reply.tool_calls:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": run(call.function.arguments)})
