// Serves the Worker of this benchmark in Node.js: node node.mjs FOLDER PORT
// FOLDER has index.js as the other runtimes run it, under the name index.mjs. A row that throws is
// answered with status 500 and the error.

import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [folder, port] = process.argv.slice(2);

// The Worker makes some objects when it is loaded. A class that this version does not have fails
// the rows that use it, not all.
for (const name of ["URLPattern"]) {
  globalThis[name] ??= class {
    exec() {
      throw new Error(`${name} is not defined`);
    }
  };
}

const worker = (await import(pathToFileURL(`${folder}/index.mjs`))).default;

createServer(async (request, response) => {
  const answer = (status, text) => {
    response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(text) });
    response.end(text);
  };
  try {
    answer(200, await (await worker.fetch(new Request(`http://localhost${request.url}`))).text());
  } catch (error) {
    answer(500, String(error));
  }
}).listen(Number(port), "127.0.0.1");
