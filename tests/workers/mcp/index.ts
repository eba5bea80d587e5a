// An MCP server in a Worker, without sessions, over the SDK's transport for Request and Response.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { z } from 'zod';

function server() {
  const made = new McpServer({ name: 'worker', version: '1.0.0' });
  made.registerTool('add', { description: 'Adds two numbers', inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => ({
    content: [{ type: 'text', text: String(a + b) }],
  }));
  made.registerTool('fail', {}, () => {
    throw new Error('on purpose');
  });
  made.registerResource('note', 'note://one', { mimeType: 'text/plain' }, (uri) => ({ contents: [{ uri: uri.href, text: 'a note' }] }));
  return made;
}

export default {
  async fetch(request: Request) {
    if (new URL(request.url).pathname !== '/mcp') return new Response('not here', { status: 404 });
    const isJson = request.headers.get('x-json') !== null;
    const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: isJson });
    await server().connect(transport);
    return transport.handleRequest(request);
  },
};
