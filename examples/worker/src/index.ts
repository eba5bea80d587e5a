import { total, type Order } from "./order.ts";

export default {
  async fetch(request: Request, env: any): Promise<Response> {
    const url = new URL(request.url);
    switch (`${request.method} ${url.pathname}`) {
      case "GET /":
        return new Response(`${env.GREETING} from isolet.\n`);
      case "POST /order": {
        const order = (await request.json()) as Order;
        return Response.json({ ...order, total: total(order) });
      }
      case "GET /add": {
        // An MCP tool, called like a function.
        const [a, b] = [Number(url.searchParams.get("a")), Number(url.searchParams.get("b"))];
        return Response.json(await env.demo.add({ a, b }));
      }
      default:
        return new Response("There are GET /, POST /order and GET /add?a=1&b=2.\n", { status: 404 });
    }
  },

  // `isolet dev` prints the address that calls it.
  async scheduled(controller: { cron: string; scheduledTime: number }): Promise<void> {
    console.log(`${controller.cron} at ${new Date(controller.scheduledTime).toISOString()}`);
  },
};
