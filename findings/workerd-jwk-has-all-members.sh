#!/usr/bin/env bash
# A public key that node:crypto exports as JWK in workerd has the members of all key types, private ones too, as undefined.
#
# Version:  workerd 1.20261117.1 (npm), compatibility date 2026-11-01; Node.js 20 or later
# Input:    `generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" })`, and `"d" in jwk`, by which libraries tell a
#           private key from a public one
# Expected: `kty`, `crv`, `x`, `y`, as in Node.js
# Seen:     20 keys, from `kty` to `priv`, all but four undefined: `Object.keys` lists them and `"d" in jwk` is true for the public key. JSON text hides
#           them, so a key that went through JSON behaves otherwise than the one that was exported
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"; [ -z "${server:-}" ] || kill "$server" 2>/dev/null' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund workerd@1.20261117.1 || exit 2
cat > cases.js <<'JS'
import { generateKeyPairSync } from "node:crypto";
export const cases = () => {
  const jwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
  const names = (object) => Object.keys(object).sort().join(" ");
  return `${Object.keys(jwk).length} keys, private: ${"d" in jwk}, by way of JSON: ${names(JSON.parse(JSON.stringify(jwk)))}`;
};
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
  sockets = [(name = "http", address = "127.0.0.1:18933", http = (), service = "main")]
);
CAPNP
timeout 60 node_modules/.bin/workerd serve config.capnp >/dev/null 2>&1 & server=$!
workerd=$(curl --silent --retry 20 --retry-connrefused --retry-delay 1 --max-time 30 http://127.0.0.1:18933/) || exit 2
cp cases.js cases.mjs
node=$(node --input-type=module --eval 'import { cases } from "./cases.mjs"; console.log(cases());') || exit 2
echo "workerd: $workerd"
echo "Node.js: $node"
[ "$workerd" = '20 keys, private: true, by way of JSON: crv kty x y' ] || { echo "changed"; exit 1; }
[ "$node" = '4 keys, private: false, by way of JSON: crv kty x y' ] || { echo "changed"; exit 1; }
