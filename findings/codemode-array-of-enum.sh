#!/usr/bin/env bash
# An array whose items are an enum or a union is declared without parentheses, so the `[]` belongs to the last member only.
#
# Version:  @cloudflare/codemode 0.5.6 (npm), zod 4.6.7; typescript 6.0.3 checks the calls
# Input:    a tool with `labels`: {type: array, items: {enum: [bug, docs]}} and `ids`: {type: array, items: {anyOf: [string, number]}}
# Expected: labels?: ("bug" | "docs")[], ids?: (string | number)[]
# Seen:     labels?: "bug" | "docs"[], ids?: string | number[]. TypeScript reads them as "bug" or an array of "docs": the array that
#           the schema wants is a type error, and the single string, which the tool refuses, passes.
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
const array = (items) => ({ type: "array", items });
const properties = {
  labels: array({ enum: ["bug", "docs"] }),
  ids: array({ anyOf: [{ type: "string" }, { type: "number" }] }),
};
console.log(generateTypesFromJsonSchema({ list: { inputSchema: { type: "object", properties } } }));
JS
node declare.mjs > declared.ts || exit 2
grep -E 'labels|ids' declared.ts | tee types.txt
cat > calls.ts <<'TS'
codemode.list({ labels: ["bug", "docs"], ids: ["a", 1] });
codemode.list({ labels: "bug", ids: "a" });
TS
cat declared.ts calls.ts > check.ts
npx tsc --noEmit --strict --target es2022 check.ts > errors.txt || true
sed 's/^check.ts([0-9,]*): //' errors.txt | tee seen.txt
diff types.txt - <<'T' || exit 1
    labels?: "bug" | "docs"[];
    ids?: string | number[];
T
grep -c "is not assignable to type '\"docs\"'" seen.txt || exit 1
grep -c "Type 'string' is not assignable to type 'number'" seen.txt || exit 1
[ "$(grep -c '^error' seen.txt)" = 2 ] || exit 1
