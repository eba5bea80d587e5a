// node:path
"use strict";

const { check } = require("internal/errors");

const isLetter = (code) => (code >= 65 && code <= 90) || (code >= 97 && code <= 122);

// Resolves `.` and `..` in the segments of a path.
function normalizeSegments(path, isSeparator, separator, mayClimb) {
  const kept = [];
  let start = 0;
  for (let i = 0; i <= path.length; i++) {
    if (i < path.length && !isSeparator(path.charCodeAt(i))) continue;
    const segment = path.slice(start, i);
    start = i + 1;
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") kept.push(segment);
    else if (kept.length > 0 && kept[kept.length - 1] !== "..") kept.pop();
    else if (mayClimb) kept.push("..");
  }
  return kept.join(separator);
}

function formatPath(separator, parts) {
  check.object(parts, "pathObject");
  const extension = parts.ext ? `${parts.ext[0] === "." ? "" : "."}${parts.ext}` : "";
  const folder = parts.dir || parts.root;
  const base = parts.base || `${parts.name || ""}${extension}`;
  if (!folder) return base;
  return folder === parts.root ? `${folder}${base}` : `${folder}${separator}${base}`;
}

// The length of the root: `/`, `C:\`, `C:`, `\\server\share\`.
function rootLength(path, isWindows) {
  if (path.length === 0) return 0;
  const isSeparator = isWindows ? isEither : isSlash;
  if (!isWindows) return isSlash(path.charCodeAt(0)) ? 1 : 0;
  if (isSeparator(path.charCodeAt(0))) {
    const unc = /^[\\/]{2}([^\\/]+)[\\/]+([^\\/]+)([\\/]?)/.exec(path);
    return unc === null ? 1 : unc[0].length;
  }
  if (isLetter(path.charCodeAt(0)) && path[1] === ":") return isSeparator(path.charCodeAt(2)) ? 3 : 2;
  return 0;
}
const isSlash = (code) => code === 47;
const isEither = (code) => code === 47 || code === 92;

function basenameOf(path, suffix, isWindows) {
  if (suffix !== undefined) check.string(suffix, "suffix");
  check.string(path, "path");
  const isSeparator = isWindows ? isEither : isSlash;
  let start = 0;
  if (isWindows && path.length >= 2 && isLetter(path.charCodeAt(0)) && path[1] === ":") start = 2;
  let end = path.length;
  while (end > start && isSeparator(path.charCodeAt(end - 1))) end--;
  let from = end;
  while (from > start && !isSeparator(path.charCodeAt(from - 1))) from--;
  let base = path.slice(from, end);
  if (suffix === path && suffix !== undefined) return "";
  if (suffix !== undefined && suffix.length > 0 && suffix.length < base.length && base.endsWith(suffix))
    base = base.slice(0, -suffix.length);
  return base;
}

function extnameOf(base) {
  const dot = base.lastIndexOf(".");
  return dot <= 0 || base === ".." ? "" : base.slice(dot);
}

function dirnameOf(path, isWindows) {
  check.string(path, "path");
  if (path.length === 0) return ".";
  const isSeparator = isWindows ? isEither : isSlash;
  const root = rootLength(path, isWindows);
  let end = path.length;
  while (end > root && isSeparator(path.charCodeAt(end - 1))) end--;
  while (end > root && !isSeparator(path.charCodeAt(end - 1))) end--;
  if (end <= root) return root === 0 ? "." : path.slice(0, root);
  // One separator goes; more of them stay, as in Node.js.
  return path.slice(0, end - 1) || ".";
}

function parsePath(path, isWindows) {
  check.string(path, "path");
  const result = { root: "", dir: "", base: "", ext: "", name: "" };
  if (path.length === 0) return result;
  const root = rootLength(path, isWindows);
  result.root = path.slice(0, root);
  const rest = path.slice(root);
  result.base = basenameOf(rest, undefined, false);
  if (isWindows) result.base = basenameOf(rest.replaceAll("\\", "/"), undefined, false);
  result.ext = extnameOf(result.base);
  result.name = result.ext === "" ? result.base : result.base.slice(0, -result.ext.length);
  if (result.base !== "" && rest !== "") {
    const isSeparator = isWindows ? isEither : isSlash;
    let end = path.length;
    while (end > root && isSeparator(path.charCodeAt(end - 1))) end--;
    end -= result.base.length;
    result.dir = end > root ? path.slice(0, end - 1) : result.root;
  } else result.dir = result.root;
  return result;
}

function relativeSegments(from, to, separator, same) {
  const [a, b] = [from.split(separator).filter(Boolean), to.split(separator).filter(Boolean)];
  let common = 0;
  while (common < a.length && common < b.length && same(a[common], b[common])) common++;
  return [...Array(a.length - common).fill(".."), ...b.slice(common)].join(separator);
}

// The folder of a Worker, as on Cloudflare.
const cwd = () => require("process").cwd();

const posix = {
  resolve(...paths) {
    let resolved = "";
    for (let i = paths.length - 1; i >= -1 && resolved[0] !== "/"; i--) {
      const path = i >= 0 ? paths[i] : cwd();
      check.string(path, `paths[${i}]`);
      if (path.length > 0) resolved = `${path}/${resolved}`;
    }
    return `/${normalizeSegments(resolved, isSlash, "/", false)}`;
  },
  normalize(path) {
    check.string(path, "path");
    if (path.length === 0) return ".";
    const isAbsolute = path[0] === "/";
    let normal = normalizeSegments(path, isSlash, "/", !isAbsolute);
    if (normal === "") {
      if (isAbsolute) return "/";
      return path.endsWith("/") ? "./" : ".";
    }
    if (path.endsWith("/")) normal += "/";
    return isAbsolute ? `/${normal}` : normal;
  },
  isAbsolute(path) {
    check.string(path, "path");
    return path[0] === "/";
  },
  join(...paths) {
    for (const path of paths) check.string(path, "path");
    const joined = paths.filter((path) => path.length > 0).join("/");
    return joined === "" ? "." : posix.normalize(joined);
  },
  relative(from, to) {
    check.string(from, "from");
    check.string(to, "to");
    if (from === to) return "";
    return relativeSegments(posix.resolve(from), posix.resolve(to), "/", (a, b) => a === b);
  },
  toNamespacedPath: (path) => path,
  dirname(path) {
    return dirnameOf(path, false);
  },
  basename(path, suffix) {
    return basenameOf(path, suffix, false);
  },
  extname(path) {
    check.string(path, "path");
    return extnameOf(basenameOf(path, undefined, false));
  },
  format: (parts) => formatPath("/", parts),
  parse(path) {
    return parsePath(path, false);
  },
  matchesGlob: (path, pattern) => matchesGlob(posix, path, pattern),
  sep: "/",
  delimiter: ":",
  win32: null,
  posix: null,
};

const win32 = {
  resolve(...paths) {
    let device = "";
    let tail = "";
    let isAbsolute = false;
    for (let i = paths.length - 1; i >= -1; i--) {
      let path;
      if (i >= 0) {
        path = paths[i];
        check.string(path, `paths[${i}]`);
        if (path.length === 0) continue;
      } else path = cwd();
      const root = rootLength(path, true);
      let ownDevice = "";
      let ownAbsolute = false;
      let start = root;
      const unc = /^[\\/]{2}([^\\/]+)[\\/]+([^\\/]+)[\\/]?/.exec(path);
      if (unc !== null) {
        ownDevice = `\\\\${unc[1]}\\${unc[2]}`;
        ownAbsolute = true;
      } else if (isEither(path.charCodeAt(0))) ownAbsolute = true;
      else if (root >= 2) {
        ownDevice = path.slice(0, 2);
        ownAbsolute = root === 3;
        start = root;
      }
      if (ownDevice.length > 0) {
        if (device.length > 0) {
          if (ownDevice.toLowerCase() !== device.toLowerCase()) continue;
        } else device = ownDevice;
      }
      if (isAbsolute) {
        if (device.length > 0) break;
      } else {
        tail = `${path.slice(start)}\\${tail}`;
        isAbsolute = ownAbsolute;
        if (ownAbsolute && device.length > 0) break;
      }
    }
    tail = normalizeSegments(tail, isEither, "\\", !isAbsolute);
    return isAbsolute ? `${device}\\${tail}` : `${device}${tail}` || ".";
  },
  normalize(path) {
    check.string(path, "path");
    if (path.length === 0) return ".";
    if (path.length === 1) return path === "/" ? "\\" : path;
    const root = rootLength(path, true);
    let device = "";
    let isAbsolute = false;
    const unc = /^[\\/]{2}([^\\/]+)[\\/]+([^\\/]+)([\\/]?)/.exec(path);
    if (unc !== null) {
      device = `\\\\${unc[1]}\\${unc[2]}`;
      if (unc[0].length === path.length && unc[3] === "") return `${device}\\`;
      isAbsolute = true;
    } else if (isEither(path.charCodeAt(0))) isAbsolute = true;
    else if (root >= 2) {
      device = path.slice(0, 2);
      isAbsolute = root === 3;
    }
    const rest = path.slice(root);
    let tail = normalizeSegments(rest, isEither, "\\", !isAbsolute);
    if (tail === "" && !isAbsolute) tail = ".";
    if (tail !== "" && rest !== "" && isEither(path.charCodeAt(path.length - 1))) tail += "\\";
    // A path may not turn into one with a drive.
    if (!isAbsolute && device === "" && /^[A-Za-z]:/.test(tail) && path.includes(":")) tail = `.\\${tail}`;
    return isAbsolute ? `${device}\\${tail}` : `${device}${tail}`;
  },
  isAbsolute(path) {
    check.string(path, "path");
    return isEither(path.charCodeAt(0)) || /^[A-Za-z]:[\\/]/.test(path);
  },
  join(...paths) {
    for (const path of paths) check.string(path, "path");
    const parts = paths.filter((path) => path.length > 0);
    if (parts.length === 0) return ".";
    let joined = parts.join("\\");
    // Two separators at the start mean a server only if the first path has them.
    if (!/^[\\/]{2}[^\\/]/.test(parts[0])) joined = joined.replace(/^[\\/]{2,}/, "\\");
    return win32.normalize(joined);
  },
  relative(from, to) {
    check.string(from, "from");
    check.string(to, "to");
    if (from === to) return "";
    const [start, end] = [win32.resolve(from), win32.resolve(to)];
    const same = (a, b) => a.toLowerCase() === b.toLowerCase();
    if (same(start, end)) return "";
    const device = (path) => path.slice(0, rootLength(path, true)).replace(/\\$/, "");
    if (!same(device(start), device(end))) return end;
    return relativeSegments(start, end, "\\", same);
  },
  toNamespacedPath(path) {
    if (typeof path !== "string" || path.length === 0) return path;
    const resolved = win32.resolve(path);
    if (/^\\\\[^?.]/.test(resolved)) return `\\\\?\\UNC\\${resolved.slice(2)}`;
    return /^[A-Za-z]:\\/.test(resolved) ? `\\\\?\\${resolved}` : path;
  },
  dirname(path) {
    return dirnameOf(path, true);
  },
  basename(path, suffix) {
    return basenameOf(path, suffix, true);
  },
  extname(path) {
    check.string(path, "path");
    return extnameOf(basenameOf(path, undefined, true));
  },
  format: (parts) => formatPath("\\", parts),
  parse(path) {
    return parsePath(path, true);
  },
  matchesGlob: (path, pattern) => matchesGlob(win32, path, pattern),
  sep: "\\",
  delimiter: ";",
  win32: null,
  posix: null,
};

// `*`, `**`, `?`, `[...]` and `{a,b}`.
function matchesGlob(flavour, path, pattern) {
  check.string(path, "path");
  check.string(pattern, "pattern");
  const slashes = (text) => (flavour === win32 ? text.replaceAll("\\", "/") : text);
  let source = "";
  let depth = 0;
  const glob = slashes(pattern);
  for (let i = 0; i < glob.length; i++) {
    const character = glob[i];
    if (character === "*" && glob[i + 1] === "*") {
      source += glob[i + 2] === "/" ? "(?:[^/]*/)*" : ".*";
      i += glob[i + 2] === "/" ? 2 : 1;
    } else if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "[" && glob.indexOf("]", i) > 0) {
      const end = glob.indexOf("]", i);
      source += `[${glob
        .slice(i + 1, end)
        .replace(/^!/, "^")
        .replaceAll("\\", "\\\\")}]`;
      i = end;
    } else if (character === "{") {
      source += "(?:";
      depth++;
    } else if (character === "}" && depth > 0) {
      source += ")";
      depth--;
    } else if (character === "," && depth > 0) source += "|";
    else source += character.replace(/[\\^$.|+()[\]{}]/, "\\$&");
  }
  return new RegExp(`^${source}${")".repeat(depth)}$`).test(slashes(path));
}

posix.win32 = win32.win32 = win32;
posix.posix = win32.posix = posix;
posix._makeLong = posix.toNamespacedPath;
win32._makeLong = win32.toNamespacedPath;

module.exports = posix;
