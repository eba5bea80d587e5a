import { Hono } from "hono";

const app = new Hono();
app.get("/", (c) => c.text("ready"));
app.get("/users", (c) => c.json([{ id: "1" }, { id: "2" }]));
app.get("/users/:id", (c) => c.json({ id: c.req.param("id"), full: c.req.query("full") === "1" }));
app.post("/users", async (c) => c.json({ created: await c.req.json() }, 201));
app.get("/html", (c) => c.html("<h1>Hello</h1>"));

export default app;
