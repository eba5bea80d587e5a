// An HTTP server on loopback, and an HTTPS server with HTTP/2, from which the Workers of the tests
// fetch. The certificate is valid for `localhost` and `a.localhost`.
//
//   node origin.mjs FOLDER
//
// It prints { http, https }: the ports. Each request is a line of FOLDER/seen.jsonl.

import { appendFileSync, readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import { gzipSync } from "node:zlib";
import { upgrade } from "./websocket.mjs";

const [folder] = process.argv.slice(2);
const own = (name) => readFileSync(new URL(name, import.meta.url));

const HUGE_BYTES = 512 * 1024 * 1024;
const piece = Buffer.alloc(64 * 1024, "x");

let events = 0;

const paths = {
  // What arrived.
  echo(request, response, { body, url }) {
    response.setHeader("content-type", "application/json");
    const { method, httpVersion, headers } = request;
    response.end(JSON.stringify({ method, httpVersion, headers, path: url.pathname + url.search, body }));
  },
  status(_, response, { url }) {
    response.statusCode = Number(url.searchParams.get("code"));
    response.end("status");
  },
  redirect(_, response, { url }) {
    response.statusCode = Number(url.searchParams.get("status") ?? 302);
    response.setHeader("location", url.searchParams.get("to"));
    // More than what comes with the head: a client that does not cancel it waits.
    response.write(piece);
    response.write(piece);
    response.end(piece);
  },
  loop(_, response) {
    response.statusCode = 302;
    response.setHeader("location", "/loop");
    response.end();
  },
  gzip(_, response) {
    response.setHeader("content-encoding", "gzip");
    response.setHeader("content-type", "text/plain");
    response.end(gzipSync("compressed"));
  },
  "not-gzip"(_, response) {
    response.setHeader("content-encoding", "gzip");
    response.end("plain");
  },
  cookies(_, response) {
    response.setHeader("set-cookie", ["a=1", "b=2"]);
    response.end();
  },
  // Answers after a pause.
  slow(_, response, { url }) {
    setTimeout(() => response.end("slow"), Number(url.searchParams.get("ms")));
  },
  // Sends a piece, and then nothing.
  stalls(_, response) {
    response.write("begin");
  },
  // Never answers.
  silent() {},
  // As much as is taken.
  huge(request, response) {
    let sent = 0;
    const more = () => {
      while (sent < HUGE_BYTES) {
        sent += piece.length;
        if (!response.write(piece)) {
          response.once("drain", more);
          return;
        }
      }
      response.end();
    };
    response.on("close", () => note({ path: "/huge-closed", sent }));
    more();
  },
  breaks(_, response) {
    response.setHeader("content-length", "100");
    response.write("begin");
    setTimeout(() => response.destroy(), 20);
  },
  // One event, with what the request said, and the end of the stream.
  events(request, response, { url }) {
    const last = request.headers["last-event-id"];
    const shown = last === undefined ? "none" : Buffer.from(last, "latin1").toString();
    events++;
    response.setHeader("content-type", "text/event-stream");
    response.write(`retry: 10\nid: id-${events}-ü\n${url.search === "" ? "event: test\n" : ""}`);
    response.write(`data: ${events} ${request.headers.accept} ${request.headers["cache-control"]} ${shown}\n\n`);
    if (url.search === "") response.end();
  },
  "many-headers"(_, response) {
    for (let i = 0; i < 1000; i++) response.setHeader(`x-${i}`, "y");
    response.end();
  },
  "long-header"(_, response) {
    response.setHeader("x-long", "y".repeat(200 * 1024));
    response.end();
  },
};

const note = (what) => appendFileSync(`${folder}/seen.jsonl`, `${JSON.stringify(what)}\n`);

function answer(request, response) {
  const url = new URL(request.url, "http://origin");
  if (url.pathname === "/early") response.end("early");
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString();
    note({ method: request.method, path: request.url, host: request.headers.host ?? request.headers[":authority"] });
    const path = paths[url.pathname.slice(1)];
    if (url.pathname === "/early") return;
    if (path === undefined) {
      response.statusCode = 404;
      response.end("none");
    } else {
      path(request, response, { body, url });
    }
  });
}

const plain = http.createServer(answer);
const tls = http2.createSecureServer({ key: own("server.key"), cert: own("server.pem"), allowHTTP1: true }, answer);
for (const server of [plain, tls]) server.on("upgrade", (request, socket) => upgrade(request, socket, note));
plain.listen(0, "127.0.0.1", () => {
  tls.listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ http: plain.address().port, https: tls.address().port }));
  });
});
// It ends with the test.
process.stdin.on("end", () => process.exit()).resume();
