#!/usr/bin/env bash
# Of several handlers of one element's end tag, HTMLRewriter in workerd calls the last one only, also if two parts of a program set them.
#
# Version:  workerd 1.20261117.1 (npm)
# Input:    `<p>x</p>`, rewritten by two handlers of the selector `p`, each of which calls `element.onEndTag()` and inserts a text before the
#           end tag; then one handler that calls `onEndTag()` twice; then `element.append()` in place of it
# Expected: both texts, as `append()` of both handlers gives both, and as lol_html, the parser behind it, calls all handlers of an end tag
# Seen:     the second text only: `onEndTag()` replaces what was set before, by the same handler or by another one, without an error
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"; [ -z "${server:-}" ] || kill "$server" 2>/dev/null' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund workerd@1.20261117.1 || exit 2
cat > worker.js <<'JS'
const rewrite = (rewriter) => rewriter.transform(new Response("<p>x</p>")).text();
const before = (text) => ({ element: (element) => void element.onEndTag((tag) => void tag.before(text)) });
const appended = (text) => ({ element: (element) => void element.append(text) });
const twice = {
  element(element) {
    element.onEndTag((tag) => void tag.before("[1]"));
    element.onEndTag((tag) => void tag.before("[2]"));
  },
};
export default {
  async fetch() {
    return new Response(
      [
        `two handlers ${await rewrite(new HTMLRewriter().on("p", before("[1]")).on("p", before("[2]")))}`,
        `one handler ${await rewrite(new HTMLRewriter().on("p", twice))}`,
        `append ${await rewrite(new HTMLRewriter().on("p", appended("[1]")).on("p", appended("[2]")))}`,
      ].join("\n"),
    );
  },
};
JS
cat > config.capnp <<'CAPNP'
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2026-11-01"))],
  sockets = [(name = "http", address = "127.0.0.1:18931", http = (), service = "main")]
);
CAPNP
timeout 60 node_modules/.bin/workerd serve config.capnp >/dev/null 2>&1 & server=$!
seen=$(curl --silent --retry 20 --retry-connrefused --retry-delay 1 --max-time 30 http://127.0.0.1:18931/) || exit 2
echo "$seen"
[ "$seen" = 'two handlers <p>x[2]</p>
one handler <p>x[2]</p>
append <p>x[1][2]</p>' ] || { echo "changed"; exit 1; }
