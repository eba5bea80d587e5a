const rows = Array.from({ length: 20 }, (_, id) => ({ id, name: `row ${id}`, tags: ["a", "b"] }));

export default { fetch: (request) => Response.json({ path: new URL(request.url).pathname, rows }) };
