// A router of the time of service workers: it adds its own listener.
import { Router, listen } from "worktop";
import { byteLength } from "worktop/utils";
import * as Base64 from "worktop/base64";

const API = new Router();
API.add("GET", "/messages/:id", (request, response) => response.send(200, { id: request.params.id, search: request.search }));
API.add("POST", "/messages", async (request, response) => response.send(201, await request.body()));
API.add("GET", /^\/files\/(?<name>[^/]+)$/, (request, response) => response.send(200, request.params.name, { "x-length": String(byteLength("é")) }));
API.add("GET", "/base64", (_request, response) => response.send(200, [Base64.encode("text"), Base64.decode("dGV4dA==")]));
API.add("GET", "/throw", () => {
  throw new Error("on purpose");
});
listen(API.run);
