#!/usr/bin/env bash
# `assert.equal` and `assert.deepEqual` of node:assert compare strictly in workerd, and loosely in Node.js.
#
# Version:  workerd 1.20261117.1 (npm), compatibility date 2026-11-01, with which node: modules are on by default; Node.js 20 or later
# Input:    the same module in both: `assert.equal(1, "1")`, `assert.deepEqual({ a: 1 }, { a: "1" })`, `assert.notEqual(1, "1")`
# Expected: as documented for Node.js, the first two pass and the third throws: only `assert/strict` and the `…Strict…` functions compare with `===`
# Seen:     workerd throws in the first two ("Values are not strictly equal") and passes the third. Test helpers and libraries that assert with
#           numbers from headers or environment variables, which are texts, behave in reverse
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"; [ -z "${server:-}" ] || kill "$server" 2>/dev/null' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund workerd@1.20261117.1 || exit 2
cat > cases.js <<'JS'
import assert from "node:assert";
const told = (run) => {
  try {
    run();
    return "passes";
  } catch (error) {
    return error.code;
  }
};
export const cases = () =>
  [
    `equal ${told(() => assert.equal(1, "1"))}`,
    `deepEqual ${told(() => assert.deepEqual({ a: 1 }, { a: "1" }))}`,
    `notEqual ${told(() => assert.notEqual(1, "1"))}`,
  ].join(", ");
JS
cat > worker.js <<'JS'
import { cases } from "cases.js";
export default { fetch: () => new Response(cases()) };
JS
cat > config.capnp <<'CAPNP'
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js"), (name = "cases.js", esModule = embed "cases.js")],
    compatibilityDate = "2026-11-01"
  ))],
  sockets = [(name = "http", address = "127.0.0.1:18932", http = (), service = "main")]
);
CAPNP
timeout 60 node_modules/.bin/workerd serve config.capnp >/dev/null 2>&1 & server=$!
workerd=$(curl --silent --retry 20 --retry-connrefused --retry-delay 1 --max-time 30 http://127.0.0.1:18932/) || exit 2
cp cases.js cases.mjs
node=$(node --input-type=module --eval 'import { cases } from "./cases.mjs"; console.log(cases());') || exit 2
echo "workerd: $workerd"
echo "Node.js: $node"
[ "$workerd" = 'equal ERR_ASSERTION, deepEqual ERR_ASSERTION, notEqual passes' ] || { echo "changed"; exit 1; }
[ "$node" = 'equal passes, deepEqual passes, notEqual ERR_ASSERTION' ] || { echo "changed"; exit 1; }
