// Servers of node:http, express and koa behind one Worker, by the first part of the path.
import { handleAsNodeRequest, httpServerHandler } from "cloudflare:node";
import http, { createServer, IncomingMessage, METHODS, Server, ServerResponse, STATUS_CODES } from "node:http";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import express from "express";
import Koa from "koa";

const text = (request: IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => resolve(body));
    request.on("error", reject);
  });

const plain: Record<string, (request: IncomingMessage, response: ServerResponse) => unknown> = {
  "/plain/hello": (_, response) => response.end("hello"),
  "/plain/head": (_, response) => {
    response.writeHead(201, "Made", { "X-Mixed-Case": "a", "content-type": "text/plain" });
    response.end("made");
  },
  "/plain/list": (_, response) => {
    response.setHeader("Set-Cookie", ["a=1", "b=2; Path=/"]);
    response.setHeader("x-list", ["1", "2"]);
    response.appendHeader("x-list", "3");
    response.writeHead(200, ["X-Flat", "yes", "Content-Type", "text/x"]);
    response.end(JSON.stringify([response.headersSent, response.getHeaderNames(), response.getHeader("X-LIST")]));
  },
  "/plain/request": (request, response) => {
    const { method, url, headers, rawHeaders, httpVersion, complete } = request;
    const picked = Object.fromEntries(Object.entries(headers).filter(([name]) => /^(x-|cookie|content-type)/.test(name)));
    const raw = rawHeaders.filter((name) => /^x-/i.test(name));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ method, url, picked, raw, httpVersion, complete, distinct: request.headersDistinct["x-a"] }));
  },
  "/plain/echo": async (request, response) => response.end(`${request.method} ${await text(request)}`),
  "/plain/stream": async (_, response) => {
    response.setHeader("content-type", "text/plain");
    for (const part of ["one ", "two ", "three"]) {
      response.write(part);
      await new Promise((done) => setTimeout(done, 5));
    }
    response.end();
  },
  "/plain/upper": async (request, response) => {
    const upper = new PassThrough();
    request.on("data", (chunk) => upper.write(String(chunk).toUpperCase()));
    request.on("end", () => upper.end());
    await pipeline(upper, response);
  },
  "/plain/pipe": (request, response) => request.pipe(response),
  "/plain/readable": (_, response) => Readable.from(["a", "b", "c"]).pipe(response),
  "/plain/empty": (_, response) => {
    response.statusCode = 204;
    response.end("dropped");
  },
  "/plain/length": (_, response) => {
    response.setHeader("content-length", "3");
    response.end("abcdef");
  },
  "/plain/events": (request, response) => {
    const seen: string[] = [];
    for (const name of ["finish", "prefinish"]) response.on(name, () => seen.push(name));
    response.write("x");
    seen.push(`${response.headersSent} ${response.writableEnded} ${response.finished}`);
    setTimeout(() => {
      seen.push(`${request.complete} ${response.statusCode} ${response.statusMessage}`);
      response.end(seen.join());
    }, 5);
  },
  "/plain/errors": (_, response) => {
    const said: string[] = [];
    const attempt = (work: () => unknown) => {
      try {
        said.push(String(work()));
      } catch (error) {
        said.push(`${(error as { code?: string }).code}: ${(error as Error).message}`);
      }
    };
    attempt(() => response.setHeader("bad name", "x"));
    attempt(() => response.setHeader("x", "a\nb"));
    attempt(() => response.setHeader("x", undefined as unknown as string));
    attempt(() => response.writeHead(42));
    attempt(() => response.getHeader(1 as unknown as string));
    response.writeHead(200);
    attempt(() => response.setHeader("late", "x"));
    attempt(() => response.writeHead(201));
    attempt(() => response.removeHeader("x"));
    attempt(() => response.write(1));
    response.end(said.join("\n"));
  },
};

const server = createServer((request, response) => {
  const handler = plain[request.url?.split("?")[0] ?? ""];
  if (handler) return void handler(request, response);
  response.statusCode = 404;
  response.end(STATUS_CODES[404]);
});
server.listen(8080);

const app = express();
app.disable("x-powered-by");
app.use(express.json());
app.use(express.urlencoded({ extended: false }));
app.get("/express/hello", (_, response) => {
  response.send("hello from express");
});
app.get("/express/users/:id", (request, response) => {
  response.status(202).set("X-User", request.params.id).json({ id: request.params.id, query: request.query, ip: request.ip });
});
app.post("/express/json", (request, response) => {
  response.json({ got: request.body, type: request.get("content-type"), is: request.is("json") });
});
app.post("/express/form", (request, response) => {
  response.cookie("a", "1", { httpOnly: true }).redirect(303, `/express/users/${request.body.id}`);
});
app.get("/express/fails", () => {
  throw new Error("broken");
});
app.get("/express/async", async () => {
  await Promise.resolve();
  throw Object.assign(new Error("later"), { status: 418 });
});
app.use((error: { status?: number; message: string }, _: express.Request, response: express.Response, next: express.NextFunction) => {
  if (response.headersSent) return next(error);
  response.status(error.status ?? 500).json({ error: error.message });
});
app.listen(8081);

const koa = new Koa();
koa.use(async (context, next) => {
  await next();
  context.set("x-koa", "yes");
});
koa.use(async (context) => {
  if (context.path === "/koa/hello") context.body = "hello from koa";
  else if (context.path === "/koa/json") context.body = { query: context.query, ip: context.ip };
  else if (context.path === "/koa/stream") context.body = Readable.from(["s1 ", "s2"]);
  else if (context.path === "/koa/echo") context.body = (await text(context.req)).toUpperCase();
  else if (context.path === "/koa/throw") context.throw(409, "conflict");
});
koa.silent = true;
const koaServer = http.createServer(koa.callback());

const handlers: Record<string, { fetch: (request: Request) => Promise<Response> }> = {
  plain: httpServerHandler({ port: 8080 }) as never,
  express: { fetch: (request) => handleAsNodeRequest(8081, request) },
  koa: httpServerHandler(koaServer) as never,
};

export default {
  async fetch(request: Request): Promise<Response> {
    const [, first = ""] = new URL(request.url).pathname.split("/");
    if (first === "facts") {
      const lost = await handleAsNodeRequest(9, request).then(String, (error: Error & { code: string }) => `${error.code} ${error.message}`);
      let twice = "";
      try {
        createServer().listen(8080);
      } catch (error) {
        twice = (error as { code: string }).code;
      }
      return Response.json({
        lost,
        twice,
        methods: METHODS.includes("PATCH"),
        address: Object.entries(server.address() ?? {}).sort(),
        listening: [server.listening, createServer().listening],
        classes: [server instanceof Server, typeof IncomingMessage, typeof ServerResponse],
      });
    }
    return (await handlers[first]?.fetch(request)) ?? new Response("none", { status: 404 });
  },
};
