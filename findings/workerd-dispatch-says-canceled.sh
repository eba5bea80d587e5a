#!/usr/bin/env bash
# In workerd dispatchEvent() says that an event was canceled which cannot be.
#
# Version:  workerd 1.20261117.1 (npm), compatibility date 2026-11-01; Node.js 20 or later
# Input:    a listener that calls `preventDefault()`, for `new Event("x")` and for `new Event("x", { cancelable: true })`, the same module in both
# Expected: the DOM standard sets the canceled flag only if `cancelable` is true, so `dispatchEvent` returns true for the first and false for the second
# Seen:     workerd returns false for both, although `defaultPrevented` stays false for the first. Code that asks "did a listener object?" by the result of dispatchEvent takes
#           objections that browsers and Node.js ignore
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"; kill ${server:-} 2>/dev/null || true' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund workerd@1.20261117.1 || exit 2
cat > ask.js <<'JS'
const dispatched = (options) => {
  const target = new EventTarget();
  target.addEventListener("x", (event) => event.preventDefault());
  const event = new Event("x", options);
  return `${target.dispatchEvent(event)} ${event.defaultPrevented}`;
};
export const ask = () => `not cancelable: ${dispatched()}, cancelable: ${dispatched({ cancelable: true })}`;
JS
cat > worker.js <<'JS'
import { ask } from "ask.js";
export default { fetch: () => new Response(ask()) };
JS
cat > config.capnp <<'CAPNP'
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js"), (name = "ask.js", esModule = embed "ask.js")],
    compatibilityDate = "2026-11-01"
  ))],
  sockets = [(name = "http", address = "127.0.0.1:18943", http = (), service = "main")]
);
CAPNP
timeout 60 node_modules/.bin/workerd serve config.capnp >/dev/null 2>&1 & server=$!
workerd=$(curl --silent --retry 20 --retry-connrefused --retry-delay 1 --max-time 30 http://127.0.0.1:18943/) || exit 2
cp ask.js ask.mjs
node=$(node --input-type=module --eval 'import { ask } from "./ask.mjs"; console.log(ask());') || exit 2
echo "workerd: $workerd"
echo "Node.js: $node"
[ "$workerd" = 'not cancelable: false false, cancelable: false true' ] || { echo "changed"; exit 1; }
[ "$node" = 'not cancelable: true false, cancelable: false true' ] || { echo "changed"; exit 1; }
