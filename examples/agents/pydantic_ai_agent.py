"""An agent on Pydantic AI. It speaks MCP, so isolet needs no glue."""
import os, sys

from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset

URL = os.environ.get("ISOLET_URL", "http://127.0.0.1:8787")
HEADERS = {"Authorization": f"Bearer {os.environ['ISOLET_TOKEN']}"}

isolet = MCPToolset(f"{URL}/mcp", headers=HEADERS)
agent = Agent(f"openai:{os.environ.get('MODEL', 'gpt-5')}", toolsets=[isolet])
print(agent.run_sync(sys.argv[1]).output)
