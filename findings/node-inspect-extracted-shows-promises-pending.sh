#!/usr/bin/env bash
# node-inspect-extracted, `util.inspect` for programs outside of Node.js, shows every promise as pending.
#
# Version:  node-inspect-extracted 3.3.3 (npm), Node.js 20 or later
# Input:    promises that are fulfilled, rejected and pending, and a Map's iterator, shown by `inspect` of the package and of node:util
# Expected: the package's description, that it is the code of Node.js's `util.inspect`: `Promise { 1 }`, `Promise { <rejected> … }`
# Seen:     `Promise { <pending> }` for all three, since only an engine's own interface tells the state. A log line about a promise that was settled
#           long ago sends its reader to look for what does not end; nothing marks the state as unknown
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node-inspect-extracted@3.3.3 || exit 2
cat > show.mjs <<'JS'
import util from "node:util";
import extracted from "node-inspect-extracted";
const rejected = Promise.reject("no");
rejected.catch(() => {});
const promises = { fulfilled: Promise.resolve(1), rejected, pending: new Promise(() => {}) };
for (const [name, promise] of Object.entries(promises))
  console.log(`${name}: ${extracted.inspect(promise)}, node:util: ${util.inspect(promise)}`);
JS
seen=$(timeout 60 node show.mjs) || exit 2
echo "$seen"
[ "$seen" = "fulfilled: Promise { <pending> }, node:util: Promise { 1 }
rejected: Promise { <pending> }, node:util: Promise { <rejected> 'no' }
pending: Promise { <pending> }, node:util: Promise { <pending> }" ] || { echo "changed"; exit 1; }
