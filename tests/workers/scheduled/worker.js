const seen = [];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/seen") return Response.json(seen.splice(0));
    return new Response(`fetch ${request.method} ${pathname}`);
  },
  async scheduled(controller, env, ctx) {
    const { cron, scheduledTime, type } = controller;
    seen.push([cron, typeof scheduledTime, cron === "time" ? scheduledTime : 0, type, env.A, typeof env, typeof ctx.waitUntil, this !== undefined]);
    switch (cron) {
      case "throw":
        throw new Error("on purpose");
      case "reject":
        await Promise.reject(new Error("on purpose"));
        break;
      case "later":
        await pause(50);
        seen.push("later");
        break;
      case "wait":
        ctx.waitUntil(pause(50).then(() => seen.push("waited")));
        break;
      case "wait-reject":
        ctx.waitUntil(pause(50).then(() => Promise.reject(new Error("on purpose"))));
        break;
      case "no-retry":
        controller.noRetry();
        seen.push(Object.prototype.toString.call(controller), Object.keys(controller).length, controller.noRetry());
        break;
      case "value":
        return "a value";
      case "wait-value":
        ctx.waitUntil(1);
        break;
      case "never":
        await new Promise(() => {});
    }
  },
};
