// Writes `disputed.json`: what Node.js answers. It needs a version that tells modules by their
// syntax (20.19, 22.7).
import { writeFileSync } from "node:fs";
import { probes } from "./disputed.js";
import { answers } from "./probe.js";

process.on("unhandledRejection", () => {});
writeFileSync(new URL("disputed.json", import.meta.url), `${JSON.stringify(await answers(probes), null, 2)}\n`);
