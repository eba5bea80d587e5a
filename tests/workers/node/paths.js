import path, { posix, win32 } from "node:path";
import posixModule from "node:path/posix";
import win32Module from "path/win32";

const inputs = ["", ".", "..", "/", "//", "a", "a/", "/a/b/../c", "./a//b/./c/", "../a", "/../a", "a/../..", "/a/b.txt", ".bashrc", "a.b.c", "/a.b/", "..ext", "a/.", "x/../y/", "C:\\a\\..\\b", "C:a", "C:", "C:\\", "\\\\server\\share\\x\\..", "\\a\\b", "a\\b/c", "//server/share/", "c:../a", "file.tar.gz"];
const each = (run) => inputs.map((input) => [input, run(input)]);
const thrown = (run) => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

const flavour = (module) => ({
  normalize: () => each(module.normalize),
  dirname: () => each(module.dirname),
  basename: () => each((input) => module.basename(input)),
  extname: () => each(module.extname),
  isAbsolute: () => each(module.isAbsolute),
  parse: () => each(module.parse),
  resolve: () => each((input) => module.resolve("/base", input)),
  join: () => [
    module.join(),
    module.join(""),
    module.join("a", "..", "b"),
    module.join("/a", "b/", "../c"),
    module.join("a", "", "b"),
    module.join("..", ".."),
    module.join("//a", "b"),
    module.join("\\\\a", "b"),
    module.join("\\", "\\a"),
    module.join("C:", "a"),
    module.join("C:\\", "..", "a"),
  ],
  relative: () => [
    module.relative("/a/b/c", "/a/d"),
    module.relative("/a", "/a/b"),
    module.relative("/a/b", "/a"),
    module.relative("/a", "/a"),
    module.relative("/", "/x"),
    module.relative("C:\\a\\b", "C:\\A\\c"),
    module.relative("C:\\a", "D:\\b"),
    module.relative("/foo/bar", "/foo/barbaz"),
  ],
  suffixes: () => [
    module.basename("/a/b.html", ".html"),
    module.basename(".html", ".html"),
    module.basename("b.html", "b.html"),
    module.basename("b", "abc"),
    module.basename("/a/b/", "b"),
    module.basename("C:\\x\\y.txt", ".txt"),
  ],
  format: () => [
    module.format({ dir: "/home", base: "f.txt" }),
    module.format({ root: "/", name: "f", ext: ".txt" }),
    module.format({ root: "/", dir: "/", base: "f" }),
    module.format({ name: "f", ext: "txt" }),
    module.format({}),
    thrown(() => module.format(null)),
    thrown(() => module.format("text")),
  ],
  errors: () => [thrown(() => module.join("a", 1)), thrown(() => module.resolve(null)), thrown(() => module.dirname())],
  constants: () => [module.sep, module.delimiter, module.toNamespacedPath("/a"), module.toNamespacedPath("C:\\a")],
});

const named = (prefix, probes) => Object.fromEntries(Object.entries(probes).map(([name, run]) => [`${prefix} ${name}`, run]));

export const probes = {
  same: () => [path === posix, posix === posixModule, win32 === win32Module, path.posix === posix, path.win32 === win32],
  cwd: () => [path.resolve("/a"), path.relative("", "a")],
  ...named("posix", flavour(posix)),
  ...named("win32", flavour(win32)),
};
