const empty = () => new Response("ready").body;

export default { fetch: (request) => new Response((request.body ?? empty()).pipeThrough(new TransformStream())) };
