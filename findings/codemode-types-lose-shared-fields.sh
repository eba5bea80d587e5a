#!/usr/bin/env bash
# An object schema with `properties` and `anyOf` or `oneOf` is declared without its properties, the required ones included.
#
# Version:  @cloudflare/codemode 0.5.6 (npm), zod 4.6.7; typescript 6.0.3 checks the calls
# Input:    two JSON Schemas as MCP servers list them: `refund` has a required `order` and a `oneOf` of two shapes by `kind`;
#           `find` has `id` and `email`, and an `anyOf` that demands one of them
# Expected: declarations that name order, id and email, so that a call with them type-checks and one without order does not
# Seen:     refund's input is only the union of the alternatives: the call that the schema allows is a type error ("'order' does
#           not exist in type"), and the one without order, which the schema refuses, passes. find's input is `unknown | unknown`:
#           its two fields are not in the prompt at all, and every call passes. An `allOf` beside `properties` behaves alike.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund @cloudflare/codemode@0.5.6 zod@4.6.7 typescript@6.0.3 || exit 2
# The package imports a module that only workerd has; the generator of types does not use it.
cat > hooks.mjs <<'JS'
export async function resolve(specifier, context, next) {
  if (specifier !== "cloudflare:workers") return next(specifier, context);
  const names = ["RpcTarget", "WorkerEntrypoint", "DurableObject"].map((name) => `export class ${name} {}`).join(";");
  return { url: `data:text/javascript,${names};export const env = {}, exports = {}`, shortCircuit: true };
}
JS
cat > declare.mjs <<'JS'
import { register } from "node:module";
register("./hooks.mjs", import.meta.url);
const { generateTypesFromJsonSchema } = await import("@cloudflare/codemode");
const string = { type: "string" };
const object = (properties, required) => ({ type: "object", properties, required });
const refund = {
  ...object({ order: string }, ["order"]),
  oneOf: [object({ kind: { const: "all" } }, ["kind"]), object({ kind: { const: "part" }, cents: { type: "integer" } }, ["kind", "cents"])],
};
const find = { ...object({ id: string, email: string }), anyOf: [{ required: ["id"] }, { required: ["email"] }] };
const both = { ...object({ order: string }, ["order"]), allOf: [object({ note: string }, ["note"])] };
console.log(generateTypesFromJsonSchema({ refund: { inputSchema: refund }, find: { inputSchema: find }, both: { inputSchema: both } }));
JS
node declare.mjs | tee declared.ts || exit 2
cat > calls.ts <<'TS'
codemode.refund({ order: "7", kind: "all" });
codemode.refund({ kind: "all" });
codemode.find({ id: "7" });
codemode.find({ nothing: 1 });
codemode.both({ order: "7", note: "late" });
TS
cat declared.ts calls.ts > check.ts
npx tsc --noEmit --strict --target es2022 check.ts > errors.txt || true
sed 's/^check.ts([0-9,]*): //' errors.txt | tee seen.txt
diff seen.txt - <<'T' || exit 1
error TS2353: Object literal may only specify known properties, and 'order' does not exist in type '{ kind: "all"; }'.
error TS2353: Object literal may only specify known properties, and 'order' does not exist in type 'BothInput'.
T
grep -qx 'type FindInput = unknown | unknown' declared.ts || exit 1
