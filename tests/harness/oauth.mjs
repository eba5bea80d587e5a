// An MCP server over HTTP behind an authorization server, both in one process. It prints its port.
// Every client may register; the user in the browser agrees at once. /revoke ends all tokens.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const codes = new Map();
let access = new Set();
let refresh;
let count = 0;
const fresh = (kind) => `${kind}-${++count}-0123456789abcdef`;

const server = createServer(async (request, response) => {
  const base = `http://127.0.0.1:${server.address().port}`;
  const url = new URL(request.url, base);
  let body = "";
  for await (const chunk of request) body += chunk;
  const json = (status, value, headers = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(value === undefined ? "" : JSON.stringify(value));
  };
  const issue = () => {
    access.add(fresh("access"));
    refresh = fresh("refresh");
    json(200, { access_token: [...access].at(-1), refresh_token: refresh, token_type: "Bearer", expires_in: 3600, scope: "read" });
  };
  if (url.pathname.startsWith("/.well-known/oauth-protected-resource")) {
    return json(200, { resource: `${base}/mcp`, authorization_servers: [base], scopes_supported: ["read"] });
  }
  switch (url.pathname) {
    case "/.well-known/oauth-authorization-server":
      return json(200, {
        issuer: base, authorization_endpoint: `${base}/authorize`, token_endpoint: `${base}/token`,
        registration_endpoint: `${base}/register`, response_types_supported: ["code"], code_challenge_methods_supported: ["S256"],
      });
    case "/register":
      return json(201, { client_id: "client", redirect_uris: JSON.parse(body).redirect_uris });
    case "/authorize": {
      const code = fresh("code");
      codes.set(code, url.searchParams.get("code_challenge"));
      const back = new URL(url.searchParams.get("redirect_uri"));
      back.searchParams.set("code", code);
      back.searchParams.set("state", url.searchParams.get("state"));
      return json(302, undefined, { location: back.href });
    }
    case "/token": {
      const form = new URLSearchParams(body);
      const hash = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
      const good = form.get("grant_type") === "refresh_token"
        ? form.get("refresh_token") === refresh
        : codes.get(form.get("code")) === hash && codes.delete(form.get("code"));
      return good ? issue() : json(400, { error: "invalid_grant" });
    }
    case "/revoke":
      access = new Set();
      return json(200, {});
    case "/mcp":
  }
  const token = (request.headers.authorization ?? "").replace("Bearer ", "");
  if (!access.has(token)) {
    return json(401, { error: "who are you" }, { "www-authenticate": `Bearer resource_metadata="${base}/.well-known/oauth-protected-resource"` });
  }
  if (request.method !== "POST") return json(405, {});
  const { id, method, params } = JSON.parse(body);
  const reply = (result) => json(200, { jsonrpc: "2.0", id, result });
  const tool = (name) => ({ name, inputSchema: { type: "object" } });
  switch (method) {
    case "initialize":
      return reply({ protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "vault", version: "1.0" } });
    case "tools/list": return reply({ tools: [tool("open"), tool("leak")] });
    case "tools/call":
      return params.name === "open"
        ? reply({ content: [{ type: "text", text: "opened" }] })
        : reply({ content: [{ type: "text", text: `no access with ${token}` }], isError: true });
    default: return id === undefined ? json(202) : json(200, { jsonrpc: "2.0", id, error: { code: -32601, message: `no method ${method}` } });
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
