// The HTTP side of a peer: `POST /run` with { "code": "…" } runs a script, and GET says that it is
// ready.
import { createServer } from "node:http";

export function serve(run) {
  createServer((request, response) => {
    if (request.method === "GET") return response.end("ok");
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", async () => {
      let answer;
      try {
        answer = { ok: true, result: await run(JSON.parse(Buffer.concat(parts)).code) };
      } catch (error) {
        answer = { ok: false, error: String(error?.message ?? error) };
      }
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(answer));
    });
  }).listen(Number(process.argv[2]), "127.0.0.1");
}
