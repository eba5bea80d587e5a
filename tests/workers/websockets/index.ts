// WebSockets in all ways that a Worker has: pairs, hono, closes from either end, errors.

import { Hono } from "hono";
import { upgradeWebSocket } from "hono/cloudflare-workers";

type Seen = (string | number | boolean)[];
/** The events that the Worker has seen since it was last asked. */
let seen: Seen[] = [];

const name = (value: unknown) => (value as object)?.constructor?.name ?? String(value);

/** Notes all events of a WebSocket. */
function watch(socket: WebSocket) {
  socket.addEventListener("message", ({ data }) => {
    seen.push(["message", typeof data === "string" ? data : name(data)]);
  });
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    seen.push(["close", code, reason, wasClean, socket.readyState]);
  });
  socket.addEventListener("error", (event) => {
    seen.push(["error", (event as ErrorEvent).message, socket.readyState]);
  });
}

function pair(): [client: WebSocket, server: WebSocket] {
  const { 0: client, 1: server } = new WebSocketPair();
  return [client, server];
}

const answer = (client: WebSocket, headers: Record<string, string> = {}) =>
  new Response(null, { status: 101, webSocket: client, headers });

const attempt = (what: () => unknown) => {
  try {
    return String(what());
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
};

const sockets: Record<string, (request: Request) => Response | Promise<Response>> = {
  "/echo"() {
    const [client, server] = pair();
    server.accept();
    server.addEventListener("message", ({ data }) => server.send(data));
    server.binaryType = "arraybuffer";
    return answer(client);
  },
  "/handlers"() {
    const [client, server] = pair();
    server.accept();
    server.onmessage = ({ data }: MessageEvent) => {
      server.send(`${data} ${server.onclose == null}`);
    };
    return answer(client);
  },
  "/kinds"() {
    const [client, server] = pair();
    server.accept();
    server.addEventListener("message", ({ data }) => {
      server.send(`${server.binaryType} ${name(data)} ${data.size ?? data.byteLength}`);
      server.binaryType = server.binaryType === "blob" ? "arraybuffer" : "blob";
    });
    return answer(client);
  },
  "/protocol"(request) {
    const [client, server] = pair();
    server.accept();
    const offered = request.headers.get("sec-websocket-protocol") ?? "";
    server.send(offered);
    return answer(client, { "sec-websocket-protocol": offered.split(",").at(-1)!.trim(), "x-own": "yes" });
  },
  "/early"() {
    const [client, server] = pair();
    server.accept();
    server.send("before the response");
    server.send(new Uint8Array([1, 2, 3]).subarray(1));
    server.send(new DataView(new ArrayBuffer(2)));
    server.send(5 as unknown as string);
    server.close(4000, "all was said");
    return answer(client);
  },
  "/late"() {
    const [client, server] = pair();
    setTimeout(() => {
      server.accept();
      server.addEventListener("message", ({ data }) => server.send(`late ${data}`));
    }, 100);
    return answer(client);
  },
  "/watched"() {
    const [client, server] = pair();
    server.accept();
    watch(server);
    return answer(client);
  },
  "/half"() {
    const [client, server] = pair();
    server.accept({ allowHalfOpen: true });
    watch(server);
    server.addEventListener("close", () => {
      server.send("after the close");
      setTimeout(() => server.close(3001, "now"), 20);
    });
    return answer(client);
  },
  "/closes"() {
    const [client, server] = pair();
    server.accept();
    watch(server);
    server.addEventListener("message", ({ data }) => {
      const [code, reason] = JSON.parse(data);
      if (code === undefined) server.close();
      else server.close(code, reason);
      seen.push(["after close()", server.readyState, attempt(() => server.send("x")), attempt(() => server.close())]);
    });
    return answer(client);
  },
  "/throws"() {
    const [client, server] = pair();
    server.accept();
    watch(server);
    server.addEventListener("message", () => {
      throw new TypeError("on purpose");
    });
    return answer(client);
  },
  "/many"() {
    const [client, server] = pair();
    server.accept();
    server.addEventListener("message", ({ data }) => {
      for (let i = 0; i < Number(data); i++) server.send(`${i} ${"x".repeat(i)}`);
      server.close(1000, "that was all");
    });
    return answer(client);
  },
  "/accepted"() {
    const [client] = pair();
    client.accept();
    return new Response(attempt(() => answer(client)));
  },
  "/plain": () => new Response("no socket"),
};

const app = new Hono();
app.get(
  "/hono",
  upgradeWebSocket((c) => ({
    onMessage(event, socket) {
      socket.send(`${c.req.query("name")}: ${event.data}`);
      if (event.data === "bye") socket.close(4001, "as you wish");
    },
    onClose(event) {
      seen.push(["hono close", (event as CloseEvent).code]);
    },
  })),
);
app.get("/seen", (c) => {
  const events = seen;
  seen = [];
  return c.json(events);
});
app.get("/pairs", async (c) => {
  const log: unknown[] = [];
  const [first, second] = pair();
  watch(second);
  seen = [];
  log.push(attempt(() => first.send("x")), attempt(() => first.close(1000)), first.readyState);
  first.accept();
  first.accept();
  first.send("waits for the other end");
  second.accept();
  second.send("back");
  first.addEventListener("message", ({ data }) => log.push(data));
  await scheduler.wait(20);
  first.close(3333, "enough");
  log.push(first.readyState, second.readyState);
  await scheduler.wait(20);
  log.push(first.readyState, second.readyState, seen);
  seen = [];
  return c.json(log);
});
app.get("/misuse", (c) => {
  const [first, second] = pair();
  first.accept();
  const codes = [999, 1000, 1004, 1005, 1006, 1007, 1015, 2999, 3000, 4999, 5000, NaN, -1];
  const response = (init: object, body: BodyInit | null = null) =>
    attempt(() => new Response(body, init).webSocket?.readyState);
  return c.json({
    codes: codes.map((code) => {
      const [socket] = pair();
      socket.accept();
      return attempt(() => socket.close(code));
    }),
    reason: attempt(() => first.close(undefined, "why")),
    long: attempt(() => first.close(1000, "é".repeat(62))),
    status: response({ status: 200, webSocket: second }),
    good: response({ status: 101, webSocket: second }),
    clone: attempt(() => new Response(null, { status: 101, webSocket: second }).clone()),
    symbol: attempt(() => first.send(Symbol("x") as unknown as string)),
    attachment: [
      attempt(() => first.deserializeAttachment()),
      attempt(() => first.serializeAttachment({ user: new Map([["id", 7]]) })),
      attempt(() => first.deserializeAttachment().user.get("id")),
    ],
    constants: [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED, first.OPEN],
    event: Object.entries({ ...pick(new CloseEvent("x", { code: 4, reason: "r", wasClean: true })) }),
  });
});
const pick = ({ type, code, reason, wasClean }: CloseEvent) => ({ type, code, reason, wasClean });

export default {
  fetch(request, env, ctx) {
    const handler = sockets[new URL(request.url).pathname];
    return handler === undefined ? app.fetch(request, env, ctx) : handler(request);
  },
} satisfies ExportedHandler;
