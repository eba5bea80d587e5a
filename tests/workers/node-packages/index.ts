// Packages from npm that need Node.js, unchanged.
import busboy from "busboy";
import { Buffer as PackagedBuffer } from "buffer/";
import { parse } from "csv-parse";
import { parse as parseSync } from "csv-parse/sync";
import { EventEmitter } from "events/";
import iconv from "iconv-lite";
import jwt from "jsonwebtoken";
import { parseHTML } from "linkedom";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import path from "path-browserify";

// A key for this test, of no use elsewhere.
const rsa = `-----BEGIN PRIVATE KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDMsgG275QmVM4M
Wu7PbtCpzaucjYglHLFZgvPi60FEOOuYxHMQcTVrs7JHeHh85zEWrJFt9AQxgVus
eSHFBCIDOnT0wGNVTtw5Qty09vpsX/aD6YPSx4ln/bBNJyZJfRqR+JYOq9TLJRSi
ucmrWJnPVYvhaNGYLinfBV8/d6mgSfjq1jE8ZthYoaKHg60nq0zM2SLaZ0USPbJE
XNolo9pQovVnyQXS+j7qqdSRjJtkPy4WF0TNx6tnpROw9TQGW8cR4zIUOlAXbkm8
mLVyovtVVSEM65GsxlcZsK1nYjGND/3bI8yxF5EqEwg9DcHnUf7qUZ4zlOuHfHwN
1AMJVDgZAgMBAAECggEAD4Kb9GaAL2zc3Y0M3CEplLpBuwey5ZwAWLfeXscEb6TP
/kgBb4Eigv4PX9DCMXWrr6wFC4OyRyWGAqI9k7IB2USGTO7gf/vtHjYhpuExfcGC
OoHY1CF8OQndIGV7ZlVhTGb9iNBOnBN71i41eKMqqW4SHrL8cbdqwwxDSLn6m4to
jTnctmRRUaxsjmDGcQdZzNILLNsYFx//hYZKQX+mcoLo7JSMzyWOfdV+Noo9DNP9
nQTpBpDj0HxS26saCh7ezZuTmkJVraGccpUq5EpPmnnbCEJUcxVxwCi9qEg6H0tu
kKtGF4UcRFRAzoN74W4oTnYtaWgUi8JcSLAHcCer8QKBgQD5HRLetLmnrzCXq1iy
O3gZTS26uJR4CgZXQ865Xc/+f4iQMzpz0KqG1RfbrXR53+yLYVyIXplckHCtkwWJ
wWMxwqCfDLX0kKMAPA1JbK1l8+EjdX83jpOQCggajYl9wPKcUydFFIK1/kFFnfa/
1wJE3rwpm5KTASssIMmuZoooEQKBgQDSWpgbFE7y6oawVRJ1DXl7Sei3CzkxLFLg
aSTtsnh6t49h9uifzUjMLQBV+qGgv/WwzGdFddeFKdKA6VK7CBlx7UXMYgAL6A64
JEe8V91fXYY9UQlMG1RuHbNLAX7uAtjejvyJHgYvPGsEUSQyqYWD7C07CCXQ39EC
pbIgGFdXiQKBgQDOXMlO+AN752Knoefd7em1e/vP3CwRrKxICgHsCMzOlLN6URWw
70D0ZP5Ymr4MX/VCGStgRI1i4ryU7V//F9amWAZa+1qX+GEvRo/zLTYPaRIuH519
VnzjK4w/AtTM+dOAsFmtnioRvUgw9YR8sw5MIv9YsGmhoawz6A1qjcMRIQKBgFQO
N3G6r8GJzcBwfiuf8sc9RWy/Y18u4v8hhMwm4NXIu9bdnx8cHNbZtKSmvidKDZdU
Vn//Etv3VlKE6bYrCl/n/FgrYPFhDWCvvqqYQbF14cpms1xiH17RJ2/1bQ8WvCpS
4L657Ka7cdgLxHcqHlwU6A4Kt3G7vf1c0MzabSxhAoGBAPOOaSm1qLeFseH1HlEQ
Zaj16H3nvm56HfXCIh0yRxW6kQLY+i+kMkwlCGZzHDPbHIO7WR6BewwDewL0PE0k
C9UKmwzW64kA5ahMNZeK6nSg5MIhkHoswVBGrqsCrlza6bFwe8KIMaM8Rsgn1BU1
LnynAIWpsD3gTEuE4zUtpukH
-----END PRIVATE KEY-----
`;
const rsaPublic = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzLIBtu+UJlTODFruz27Q
qc2rnI2IJRyxWYLz4utBRDjrmMRzEHE1a7OyR3h4fOcxFqyRbfQEMYFbrHkhxQQi
Azp09MBjVU7cOULctPb6bF/2g+mD0seJZ/2wTScmSX0akfiWDqvUyyUUornJq1iZ
z1WL4WjRmC4p3wVfP3epoEn46tYxPGbYWKGih4OtJ6tMzNki2mdFEj2yRFzaJaPa
UKL1Z8kF0vo+6qnUkYybZD8uFhdEzcerZ6UTsPU0BlvHEeMyFDpQF25JvJi1cqL7
VVUhDOuRrMZXGbCtZ2IxjQ/92yPMsReRKhMIPQ3B51H+6lGeM5Trh3x8DdQDCVQ4
GQIDAQAB
-----END PUBLIC KEY-----
`;

const refused = (run: () => unknown) => {
  try {
    return run();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

const routes: Record<string, (request: Request) => unknown> = {
  "/jsonwebtoken": () => {
    const token = jwt.sign({ a: 1, iat: 1 }, "secret");
    const signed = jwt.sign({ b: 2, iat: 1 }, rsa, { algorithm: "RS256", audience: "here" });
    return [
      token,
      jwt.verify(token, "secret"),
      refused(() => jwt.verify(token, "other")),
      signed,
      jwt.verify(signed, rsaPublic, { audience: "here" }),
      refused(() => jwt.verify(signed, rsaPublic, { audience: "elsewhere" })),
      refused(() => jwt.verify(jwt.sign({ exp: 1 }, "s"), "s")),
      jwt.decode(token, { complete: true }),
    ];
  },
  "/polyfills": () => {
    const emitter = new EventEmitter();
    let sum = 0;
    emitter.on("x", (value: number) => {
      sum += value;
    });
    emitter.emit("x", 2);
    return [sum, PackagedBuffer.from("h\u00e9llo").toString("base64"), path.join("/a", "../b")];
  },
  "/linkedom": () => {
    const { document } = parseHTML('<!doctype html><p class="a">x</p><p>y</p>');
    document.querySelector("p.a")!.textContent = "z";
    return [...document.querySelectorAll("p")].map((paragraph: any) => paragraph.outerHTML);
  },
  "/iconv": () => [
    iconv.encode("h\u00e9llo \u20ac", "win1252").toString("hex"),
    iconv.decode(Buffer.from("82a082a282a4", "hex"), "shift_jis"),
    iconv.encode("\u4f60\u597d", "gbk").toString("hex"),
    iconv.encodingExists("utf-7"),
  ],
  "/csv": async () => {
    const rows: unknown[] = [];
    await pipeline(Readable.from(["a,b\n1,", '"x ""y"""\n2,z\n']), parse({ columns: true }), async (source) => {
      for await (const row of source) rows.push(row);
    });
    return [rows, parseSync("1;2\n3;4", { delimiter: ";", cast: true })];
  },
  "/busboy": async (request) => {
    const found: unknown[] = [];
    const form = busboy({ headers: Object.fromEntries(request.headers) });
    form.on("field", (name, value) => found.push([name, value]));
    form.on("file", (name, stream, { filename, mimeType }) => {
      let size = 0;
      stream.on("data", (chunk: Buffer) => {
        size += chunk.length;
      });
      stream.on("end", () => found.push([name, filename, mimeType, size]));
    });
    await pipeline(Readable.fromWeb(request.body as any), form);
    return found;
  },
};

export default {
  async fetch(request: Request) {
    const route = routes[new URL(request.url).pathname];
    return route === undefined ? new Response("nothing", { status: 404 }) : Response.json(await route(request));
  },
};
