// A Worker in service-worker syntax: variables are globals, events come to listeners.
import { greet } from "./greet.js";

let count = 0;
const seen = [];

async function handle(event) {
  const { request } = event;
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/vars":
      return Response.json([typeof A, A, B.deep, globalThis.A, self.A, A === self.A]);
    case "/event":
      return Response.json([event.type, event instanceof Event, typeof event.waitUntil,
        typeof event.passThroughOnException, event.passThroughOnException() === undefined, request instanceof Request, event.request === request, event.cancelable, event.bubbles]);
    case "/count":
      return new Response(String(++count));
    case "/greet":
      return new Response(greet("you"));
    case "/wait":
      event.waitUntil(Promise.resolve().then(() => seen.push("waited")));
      return new Response("fine");
    case "/seen":
      return Response.json(seen.splice(0));
    case "/body":
      return new Response(await request.text(), { status: 201 });
    case "/globals":
      return Response.json([typeof self, self === globalThis, typeof addEventListener, typeof removeEventListener, typeof dispatchEvent]);
    case "/removed":
      removeEventListener("fetch", other);
      return new Response("removed");
  }
  return new Response(`not found: ${request.method} ${pathname}`, { status: 404 });
}

addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (pathname !== "/second") event.respondWith(handle(event));
});

function other(event) {
  const { pathname } = new URL(event.request.url);
  if (pathname === "/second") event.respondWith(new Response("second listener"));
}
addEventListener("fetch", other);

addEventListener("scheduled", (event) => {
  seen.push([event.type, event.cron, typeof event.scheduledTime, typeof event.noRetry, typeof event.waitUntil]);
  if (event.cron === "reject") event.waitUntil(Promise.reject(new Error("on purpose")));
  if (event.cron === "wait") event.waitUntil(Promise.resolve().then(() => seen.push("waited")));
  if (event.cron === "throw") throw new Error("on purpose");
  return event.cron === "promise" ? Promise.reject(new Error("on purpose")) : undefined;
});
