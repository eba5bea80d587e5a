#!/usr/bin/env bash
# A POST that a redirect turns into a GET keeps Content-Type in workerd, while its body is gone.
#
# Version:  workerd 1.20261117.1 (npm), compatibility date 2026-11-01; Node.js 20 or later
# Input:    `fetch(url, { method: "POST", body: "{}", headers: { "content-type": "application/json", "content-language": "en" } })` to a server that
#           answers 301 with a Location, in both
# Expected: the Fetch standard (HTTP-redirect fetch) removes the body and the request-body-header names, Content-Type and Content-Language among
#           them, when the method becomes GET. Node.js does
# Seen:     workerd's GET has no body but both headers. A server that parses by Content-Type takes the empty body for broken JSON
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"; kill ${server:-} ${origin:-} 2>/dev/null || true' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund workerd@1.20261117.1 || exit 2
cat > origin.mjs <<'JS'
import { createServer } from "node:http";
createServer((request, response) => {
  if (request.url === "/old") return response.writeHead(301, { location: "/new" }).end();
  const { "content-type": type, "content-language": language } = request.headers;
  response.end(`${request.method} type=${type} language=${language}`);
}).listen(18941, "127.0.0.1");
JS
cat > ask.js <<'JS'
export const ask = async () => {
  const headers = { "content-type": "application/json", "content-language": "en" };
  const response = await fetch("http://127.0.0.1:18941/old", { method: "POST", body: "{}", headers });
  return await response.text();
};
JS
cat > worker.js <<'JS'
import { ask } from "ask.js";
export default { fetch: async () => new Response(await ask()) };
JS
cat > config.capnp <<'CAPNP'
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js"), (name = "ask.js", esModule = embed "ask.js")],
      compatibilityDate = "2026-11-01"
    )),
    (name = "internet", network = (allow = ["private"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:18942", http = (), service = "main")]
);
CAPNP
node origin.mjs & origin=$!
timeout 60 node_modules/.bin/workerd serve config.capnp >/dev/null 2>&1 & server=$!
workerd=$(curl --silent --retry 20 --retry-connrefused --retry-delay 1 --max-time 30 http://127.0.0.1:18942/) || exit 2
cp ask.js ask.mjs
node=$(node --input-type=module --eval 'import { ask } from "./ask.mjs"; console.log(await ask());') || exit 2
echo "workerd: $workerd"
echo "Node.js: $node"
[ "$workerd" = 'GET type=application/json language=en' ] || { echo "changed"; exit 1; }
[ "$node" = 'GET type=undefined language=undefined' ] || { echo "changed"; exit 1; }
