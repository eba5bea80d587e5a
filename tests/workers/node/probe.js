// Runs named functions. Their results, or what they throw, become JSON.
import { Buffer } from "node:buffer";

function plain(value) {
  if (value === undefined) return "undefined";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" && !Number.isFinite(value)) return `${value}`;
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value === "symbol") return value.toString();
  if (Buffer.isBuffer(value)) return `buffer ${value.toString("hex")}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (value instanceof Error) return { error: value.name, code: value.code ?? null, message: value.message };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    const names = Object.keys(value).sort();
    return Object.fromEntries(names.map((name) => [name, plain(value[name])]));
  }
  return value;
}

export async function answers(probes) {
  const found = {};
  for (const [name, run] of Object.entries(probes)) {
    try {
      found[name] = plain(await run());
    } catch (thrown) {
      found[name] = { thrown: plain(thrown) };
    }
  }
  return found;
}
