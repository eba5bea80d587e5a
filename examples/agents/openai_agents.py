"""An agent on OpenAI's Agents SDK. It speaks MCP, so isolet needs no glue."""
import asyncio, os, sys

from agents import Agent, Runner
from agents.mcp import MCPServerStreamableHttp

URL = os.environ.get("ISOLET_URL", "http://127.0.0.1:8787")
HEADERS = {"Authorization": f"Bearer {os.environ['ISOLET_TOKEN']}"}


async def main() -> None:
    # Its default gives a tool 5 seconds; a script may take a minute.
    server = MCPServerStreamableHttp({"url": f"{URL}/mcp", "headers": HEADERS}, client_session_timeout_seconds=120)
    async with server as isolet:
        agent = Agent(name="agent", model=os.environ.get("MODEL", "gpt-5"), mcp_servers=[isolet])
        print((await Runner.run(agent, sys.argv[1], max_turns=20)).final_output)


asyncio.run(main())
