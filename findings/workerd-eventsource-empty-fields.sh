#!/usr/bin/env bash
# EventSource in workerd loses an event with empty data, and gives one with an empty event name the type "".
#
# Version:  workerd 1.20261117.1 (npm), compatibility date 2026-11-01; eventsource-parser 3.0.6 (npm); Node.js 20 or later
# Input:    `EventSource.from(readable)` with the streams "data\n\n" and "event:\ndata: x\n\n", and the same texts for the parser
# Expected: the HTML standard (9.2.6) appends a line feed for each data field, so that the first block has a data buffer and fires a `message` event
#           with data "" (an example there says so), and it changes the type only if the event type buffer is not empty: `message` again.
#           eventsource-parser does both
# Seen:     workerd fires nothing for the first, and an event of type "" for the second: listeners for `message` get neither
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"; kill ${server:-} 2>/dev/null || true' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund workerd@1.20261117.1 eventsource-parser@3.0.6 || exit 2
cat > worker.js <<'JS'
const events = async (text) => {
  const { readable, writable } = new TransformStream();
  const source = EventSource.from(readable);
  const seen = [];
  for (const type of ["message", ""]) source.addEventListener(type, (event) => seen.push(`${event.type}=${event.data}`));
  const over = new Promise((resolve) => source.addEventListener("error", resolve));
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode(`${text}data: last\n\n`));
  await writer.close();
  await over;
  source.close();
  return seen.join();
};
export default { fetch: async () => new Response(`${await events("data\n\n")} ${await events("event:\ndata: x\n\n")}`) };
JS
cat > config.capnp <<'CAPNP'
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-11-01"
  ))],
  sockets = [(name = "http", address = "127.0.0.1:18944", http = (), service = "main")]
);
CAPNP
timeout 60 node_modules/.bin/workerd serve config.capnp >/dev/null 2>&1 & server=$!
workerd=$(curl --silent --retry 20 --retry-connrefused --retry-delay 1 --max-time 30 http://127.0.0.1:18944/) || exit 2
parser=$(node --input-type=module --eval '
import { createParser } from "eventsource-parser";
const events = (text) => {
  const seen = [];
  createParser({ onEvent: ({ event = "message", data }) => seen.push(`${event}=${data}`) }).feed(`${text}data: last\n\n`);
  return seen.join();
};
console.log(events("data\n\n"), events("event:\ndata: x\n\n"));') || exit 2
echo "workerd:            $workerd"
echo "eventsource-parser: $parser"
[ "$workerd" = 'message=last =x,message=last' ] || { echo "changed"; exit 1; }
[ "$parser" = 'message=,message=last message=x,message=last' ] || { echo "changed"; exit 1; }
