// Makes the files of this folder: the modules of a package in one CommonJS file, not minified. Run
// it in a folder where npm has installed package-lock.json:
//
//   mkdir -p target/tools/node; cp runtime/node/vendor/package*.json target/tools/node
//   (cd target/tools/node && npm ci --ignore-scripts)
//   (cd target/tools/node && node ../../../runtime/node/vendor/build.mjs)
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const from = createRequire(join(process.cwd(), "package.json"));
const esbuild = from("esbuild");
const folder = dirname(fileURLToPath(import.meta.url));

// What the files take from isolet's own modules.
const own = { "string_decoder/": "string_decoder", "process/": "process" };
const external = ["buffer", "events", "process", "querystring", "path", "punycode"];

const plugin = {
  name: "own",
  setup(build) {
    build.onResolve({ filter: /^(string_decoder|process)\/$/ }, ({ path }) => ({ path: own[path], external: true }));
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path: path.slice(5), external: true }));
    // unenv's errors do not read as those of Node.js.
    build.onResolve({ filter: /errors\.mjs$/ }, () => ({ path: "vendor-errors", namespace: "own" }));
    build.onResolve({ filter: /punycode\.mjs$/ }, () => ({ path: "punycode", external: true }));
    build.onLoad({ filter: /.*/, namespace: "own" }, () => ({
      contents: 'module.exports = require("internal/errors").codes;',
    }));
    build.onResolve({ filter: /^internal\/errors$/ }, ({ path }) => ({ path, external: true }));
    // It is there in every Worker.
    build.onResolve({ filter: /^(abort-controller|stream)$/ }, () => ({ path: "none", namespace: "none" }));
    build.onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "" }));
  },
};

const files = [
  ["readable-stream", "readable-stream", "lib/ours/index.js"],
  ["url", "unenv", "dist/runtime/node/url.mjs"],
  ["querystring", "unenv", "dist/runtime/node/querystring.mjs"],
  ["punycode", "punycode", "punycode.js"],
  ["inspect", "node-inspect-extracted", "dist/inspect.js"],
];

// Changes of the texts.
const changes = {
  // What only the host knows: the state of a promise, the entries of an iterator, and classes of
  // the Web.
  inspect: [
    [
      "getPromiseDetails: function() {\n      return [c, void 0];",
      'getPromiseDetails: function(t3) {\n      return require("internal/inspect-details").promise(t3, c, l);',
    ],
    [
      "previewEntries: function(t3) {\n      return [[], false];",
      'previewEntries: function(t3, e3) {\n      return require("internal/inspect-details").entries(t3, e3);',
    ],
    ["var y2 = e3[fe];", 'var y2 = e3[fe] ?? require("internal/inspect-details").custom(e3);'],
  ],
  url: [
    ['ERR_INVALID_FILE_URL_HOST("??")', 'ERR_INVALID_FILE_URL_HOST("linux")'],
    // Node.js itself warns of url.parse() only if it is asked to.
    ["var urlParseWarned = false", "var urlParseWarned = true"],
    ["[DeprecationWarning] [unenv] [node:url] DEP0170: ", "[DEP0170] DeprecationWarning: "],
  ],
};

for (const [name, packageName, entry] of files) {
  const root = join(process.cwd(), "node_modules", packageName);
  const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [join(root, entry)],
    bundle: true,
    write: false,
    format: "cjs",
    platform: "neutral",
    mainFields: ["main"],
    target: "es2024",
    charset: "ascii",
    legalComments: "inline",
    external,
    plugins: [plugin],
    define: { "process.env.READABLE_STREAM": "undefined" },
    banner: { js: `// ${packageName} ${version} (${license}): made by build.mjs. The licence is in LICENSES.md.` },
  });
  let { text } = result.outputFiles[0];
  for (const [from, to] of changes[name] ?? []) {
    if (text.split(from).length !== 2) throw new Error(`${name}: ${from} is not there once`);
    text = text.replace(from, () => to);
  }
  writeFileSync(join(folder, `${name}.js`), text);
}
