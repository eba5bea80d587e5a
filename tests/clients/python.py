"""The official Python SDK: the same conversations as talk.mjs."""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters


def text(result):
    return "\n".join(block.text for block in result.content)


async def all_tools(client):
    page = await client.list_tools()
    tools = list(page.tools)
    while page.next_cursor:
        page = await client.list_tools(cursor=page.next_cursor)
        tools += page.tools
    return [tool.name for tool in tools]


async def main():
    target, *words = sys.argv[1:]
    server = target if target.startswith("http") else StdioServerParameters(command=target, args=words)
    async with Client(server) as client:
        tools = await all_tools(client)
        if os.environ.get("CONVERSATION") == "list":
            print(json.dumps({"tools": tools}))
            return
        search = await client.call_tool("search", {"query": "add numbers", "limit": 1})
        describe = await client.call_tool("describe", {"tools": ["demo/add"]})
        told = []

        async def progress(done, total, message):
            told.append(message)

        code = """console.log("adding"); const { sum } = await env.demo.add({ a: input.a, b: 2 });
            await env.demo.wait({ ms: 100 }); return { sum };"""
        run = await client.call_tool("run", {"code": code, "input": {"a": 40}}, progress_callback=progress)
        failed = await client.call_tool("run", {"code": "await env.demo.fail({ message: 'as asked' })"})
        passed = await client.call_tool("demo__add", {"a": 1, "b": 2})
        print(json.dumps({
            "tools": tools,
            "server": client.server_info.name,
            "search": text(search),
            "describe": text(describe),
            "run": run.structured_content,
            "told": told,
            "failed": {
                "isError": failed.is_error,
                "text": text(failed),
                "code": failed.structured_content["error"]["code"],
            },
            "passed": passed.structured_content,
        }))


asyncio.run(main())
