// Checks the files of runtime/js for what a linter does not know:
//
// - Types: `runtime/js/tsconfig.json` with the declarations in `runtime/js/types`.
// - Functions use no globals, and no methods and getters of the language's prototypes: a script may
//   have replaced them. They take primordials instead.
// - Each internal that is declared is provided by a file, and `isolet.lazy` lists those of its
//   function.
// - The host functions and the enumerations of `js_interface_tables.rs` are those of
//   `types/natives.d.ts`.
//
// Run it in a folder where npm has installed package-lock.json: `npm ci --ignore-scripts && node
// check.mjs`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ts = createRequire(join(process.cwd(), "package.json"))("typescript");

const runtime = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(runtime, "js");
const repository = dirname(runtime);

const config = ts.getParsedCommandLineOfConfigFile(join(folder, "tsconfig.json"), undefined, {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
    throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
  },
});
const program = ts.createProgram(config.fileNames, config.options);
const checker = program.getTypeChecker();
const own = program.getSourceFiles().filter((file) => config.fileNames.includes(file.fileName));
const files = own.filter((file) => file.fileName.endsWith(".js"));

let errors = 0;
function report(file, position, message) {
  const { line, character } = file.getLineAndCharacterOfPosition(position);
  console.error(`${relative(repository, file.fileName)}:${line + 1}:${character + 1}: ${message}`);
  errors++;
}
const reportAt = (node, message) => report(node.getSourceFile(), node.getStart(), message);

for (const { file, start, messageText } of [...config.errors, ...ts.getPreEmitDiagnostics(program)]) {
  const message = ts.flattenDiagnosticMessageText(messageText, "\n");
  if (file !== undefined) report(file, start, message);
  else throw new Error(message);
}

function walk(node, visit) {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

const isInFunction = (node) => ts.findAncestor(node.parent, ts.isFunctionLike) !== undefined;

// A property name, a label, a type and the like are not references.
function isReference(node) {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  return !(
    ts.isMethodDeclaration(parent) ||
    ts.isGetAccessor(parent) ||
    ts.isSetAccessor(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMetaProperty(parent)
  );
}

const isDeclaredIn = (symbol, file) => symbol?.declarations?.some((node) => node.getSourceFile() === file) ?? false;

const natives = own.find((file) => basename(file.fileName) === "natives.d.ts");
const tables = readFileSync(join(runtime, "src/js_interface_tables.rs"), "utf8");

// Names that functions may use as they are. The enumerations, which build.rs replaces, come from
// `natives`.
const allowed = new Set(["isolet", "globalThis", "undefined", "Infinity", "NaN", "arguments"]);

// The classes of the language, as TypeScript's declarations name them.
const prototypes = new Set(
  "Array String Number Boolean Symbol BigInt Function Date RegExp Promise Map Set WeakMap WeakSet ArrayBuffer DataView Uint8Array".split(
    " ",
  ),
);

function checkGlobals(file) {
  walk(file, (node) => {
    if (!ts.isIdentifier(node) || !isReference(node) || allowed.has(node.text) || !isInFunction(node)) return;
    const symbol = ts.isShorthandPropertyAssignment(node.parent)
      ? checker.getShorthandAssignmentValueSymbol(node.parent)
      : checker.getSymbolAtLocation(node);
    if (isDeclaredIn(symbol, file) || isDeclaredIn(symbol, natives)) return;
    reportAt(
      node,
      `\`${node.text}\` is a global: a script can replace it. Take it from isolet.primordials, outside of the function.`,
    );
  });
}

// A property of a prototype of the language: a method, or a getter such as the `length` of a
// Uint8Array. Those that each array, text, function or regular expression has of its own are left
// out.
const ownProperties = new Set([
  "Array.length",
  "Function.length",
  "Function.name",
  "Function.prototype",
  "RegExp.lastIndex",
  "String.length",
]);

function checkPrototypes(file) {
  walk(file, (node) => {
    if (!ts.isPropertyAccessExpression(node) || !isInFunction(node)) return;
    const symbol = checker.getSymbolAtLocation(node.name);
    const declaration = symbol?.declarations?.[0];
    if (declaration === undefined || !program.isSourceFileDefaultLibrary(declaration.getSourceFile())) return;
    const owner = declaration.parent;
    if (!ts.isInterfaceDeclaration(owner) || owner.name.text.endsWith("Constructor")) return;
    const name = `${owner.name.text}.${symbol.name}`;
    if (ownProperties.has(name) || !prototypes.has(owner.name.text)) return;
    reportAt(
      node.name,
      `\`${name}\` is found on a prototype, where a script can replace it. Call the primordial, such as TypedArrayPrototypeGetLength(bytes).`,
    );
  });
}

// The names that a file puts on `isolet` or `host`, with their nodes.
function provides(file, object) {
  const names = new Map();
  walk(file, (node) => {
    if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.EqualsToken) return;
    const { left } = node;
    if (ts.isPropertyAccessExpression(left) && ts.isIdentifier(left.expression) && left.expression.text === object)
      names.set(left.name.text, left.name);
  });
  return names;
}

for (const file of files) {
  if (basename(file.fileName) !== "primordials.js") {
    checkGlobals(file);
    checkPrototypes(file);
  }
  const lazy = provides(file, "host");
  const listed = new Set();
  walk(file, (node) => {
    if (!ts.isCallExpression(node) || node.expression.getText() !== "isolet.lazy") return;
    for (const element of node.arguments[1].elements) {
      listed.add(element.text);
      if (!lazy.has(element.text)) reportAt(element, `The file does not provide the internal \`${element.text}\`.`);
    }
  });
  for (const [name, node] of lazy) {
    if (!listed.has(name)) reportAt(node, `isolet.lazy does not list the internal \`${name}\`, so nothing loads it.`);
  }
}

// The declarations of a kind in a file of types, by their names.
const declarations = (name, is) => {
  const file = own.find((file) => basename(file.fileName) === name);
  return new Map(file.statements.filter(is).map((node) => [node.name.text, node]));
};
const members = (node) => node.members.map((member) => member.name.text);

const internals = declarations("internals.d.ts", ts.isInterfaceDeclaration);
for (const [name, object] of [
  ["Internals", "isolet"],
  ["LazyInternals", "host"],
]) {
  const provided = new Set(files.flatMap((file) => [...provides(file, object).keys()]));
  for (const member of internals.get(name).members) {
    const { text } = member.name;
    if (text !== "natives" && !provided.has(text)) reportAt(member, `No file provides the internal \`${text}\`.`);
  }
}

function compare(node, declared, expected) {
  if (declared.join() !== expected.join())
    reportAt(node, `\`${node.name.text}\` differs from js_interface_tables.rs: ${expected.join(", ")}.`);
}
const functions = declarations("natives.d.ts", ts.isInterfaceDeclaration).get("Natives");
// Overloads have one name.
compare(
  functions,
  [...new Set(members(functions))],
  [...tables.matchAll(/^ {4}"(\w+)" =>/gm)].map((match) => match[1]),
);
const enums = declarations("natives.d.ts", ts.isEnumDeclaration);
for (const [, name, body] of tables.matchAll(/^ {4}([A-Z]\w+) \{([^}]*)\}/gm)) {
  const node = enums.get(name);
  if (node === undefined) reportAt(functions, `The enumeration \`${name}\` is not declared.`);
  else compare(node, members(node), body.match(/\w+/g));
}

if (errors > 0) process.exit(1);
