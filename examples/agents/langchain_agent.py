"""An agent on LangChain. Its adapters speak MCP, so isolet needs no glue."""
import asyncio, os, sys

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_openai import ChatOpenAI

URL = os.environ.get("ISOLET_URL", "http://127.0.0.1:8787")
HEADERS = {"Authorization": f"Bearer {os.environ['ISOLET_TOKEN']}"}


async def main() -> None:
    isolet = MultiServerMCPClient({"isolet": {"transport": "streamable_http", "url": f"{URL}/mcp", "headers": HEADERS}})
    agent = create_agent(ChatOpenAI(model=os.environ.get("MODEL", "gpt-5")), await isolet.get_tools())
    answer = await agent.ainvoke({"messages": [{"role": "user", "content": sys.argv[1]}]})
    print(answer["messages"][-1].text)


asyncio.run(main())
