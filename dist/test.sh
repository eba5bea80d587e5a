#!/usr/bin/env bash
# Installs the packages of dist/build.sh in each documented way, from the files alone and in folders
# of its own, and uses them.
# usage: dist/test.sh [FOLDER]          FOLDER: target/dist, or that of build.sh
# Needs node, npm, python3 with venv, objdump. Uses no registry.
set -euo pipefail
cd "$(dirname "$0")/.."
files=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/dist}")
repository=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Independent of the user's settings, and leaves nothing in the user's home.
export HOME=$work/home XDG_CONFIG_HOME= XDG_CACHE_HOME= XDG_STATE_HOME=
mkdir "$HOME"
# For npx and npm.
export NPM_CONFIG_OFFLINE=true NPM_CONFIG_UPDATE_NOTIFIER=false NPM_CONFIG_CACHE=$work/npm-cache

fail() { echo "dist/test.sh: $*" >&2; exit 1; }
passed=0
ok() { passed=$((passed + 1)); echo "ok: $*"; }

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
v8=$(sed -n 's/^v8 = *//p' third_party/v8/VERSION)
one() { [ $# = 1 ] && [ -f "$1" ] || fail "not exactly one file: $*"; echo "$1"; }

# uses WHAT COMMAND…: checks versions, scripts with the built-in servers, and the exit code of a
# failed script.
uses() {
  local what=$1 out code
  shift
  out=$("$@" --version) || fail "$what: --version failed"
  [ "$out" = "isolet $version" ] || fail "$what: --version says: $out"
  "$@" --version --verbose | grep -qF "$v8" || fail "$what: --version --verbose does not name V8 $v8"
  cp "$repository/examples/quickstart.ts" .
  "$@" run quickstart.ts >out 2>err || { cat out err >&2; fail "$what: examples/quickstart.ts failed"; }
  grep -q '"actions"' out || fail "$what: the quickstart gave $(cat out)"
  # The table of tokens is in the program.
  grep -q 'tokens through the model' err || fail "$what: the quickstart counted no tokens"
  echo 'throw new Error("as wished")' >fails.ts
  code=0
  "$@" run fails.ts >out 2>err || code=$?
  [ "$code" = 1 ] && grep -q 'as wished' err || fail "$what: a script that throws ended with $code: $(cat err)"
  code=0
  "$@" no-such-command >out 2>err || code=$?
  [ "$code" = 2 ] || fail "$what: a wrong command ended with $code"
  ok "$what: version, a run, exit codes"
}

# ends WHAT SIGNAL COMMAND…: checks that it serves until the signal, then exits with 0 and leaves no
# process.
ends() {
  local what=$1 signal=$2 pid code=0
  shift 2
  "$@" serve --no-token --listen "unix:$PWD/socket" >log 2>&1 &
  pid=$!
  for _ in $(seq 300); do [ -S socket ] && break || sleep 0.1; done
  curl -sSf --unix-socket socket http://localhost/v1/run -H 'Content-Type: text/typescript' -d 'return 6 * 7' |
    grep -q '"result":42' || { cat log >&2; fail "$what: no answer"; }
  kill -"$signal" "$pid"
  wait "$pid" || code=$?
  [ "$code" = 0 ] || { cat log >&2; fail "$what: ended with $code after SIG$signal"; }
  if curl -s --unix-socket socket http://localhost/healthz >out; then fail "$what: still serves after SIG$signal"; fi
  rm -f socket
  ok "$what: SIG$signal ends it"
}

step() { mkdir -p "$work/$1"; cd "$work/$1"; }

step sums
(cd "$files" && sha256sum --check --strict --quiet SHA256SUMS) || fail "SHA256SUMS does not fit"
for file in "$files"/*; do
  [ "${file##*/}" = SHA256SUMS ] || grep -qF "  ${file##*/}" "$files/SHA256SUMS" || fail "SHA256SUMS lacks ${file##*/}"
done
ok "SHA256SUMS"

step archive
tar -xzf "$(one "$files/isolet-$version-x86_64-linux-gnu.tar.gz")"
top=$PWD/isolet-$version-x86_64-linux-gnu program=$PWD/isolet-$version-x86_64-linux-gnu/isolet
for file in LICENSE README.md CHANGELOG.md THIRD-PARTY-LICENSES.txt isolet.cdx.json; do [ -s "$top/$file" ] || fail "the archive has no $file"; done
size=$(stat -c %s "$program")
[ "$size" -lt 96000000 ] || fail "the program has $size bytes"
if readelf -SW "$program" | grep -qE '\.(symtab|debug_info)'; then fail "the program has symbols"; fi
# Huge pages of the zygote (runtime/src/process/memory/huge_pages.rs) need each segment on a boundary of 2 MiB.
readelf -lW "$program" | awk '$1 == "LOAD" { n++; if ($NF != "0x200000") bad = 1 } END { exit bad || n < 3 }' || fail "the program's segments are not aligned to 2 MiB"
needs=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
ok "archive: $size bytes, needs ${needs/_/ }"
grep -q '^\.TH isolet' "$top/man/man1/isolet.1" || fail "isolet.1 is not a man page"
[ -s "$top/man/man1/isolet-run.1" ] || fail "isolet run has no man page"
for file in isolet.bash _isolet isolet.fish; do grep -q quiet "$top/completions/$file" || fail "completions/$file knows no option"; done
bash -n "$top/completions/isolet.bash"
ok "man pages and completions"
uses archive "$program"
ends archive TERM "$program"

step sbom
python3 - "$top/isolet.cdx.json" "$program" "$v8" "$version" <<'END'
import hashlib, json, sys
bom = json.load(open(sys.argv[1]))
program = hashlib.sha256(open(sys.argv[2], "rb").read()).hexdigest()
assert bom["bomFormat"] == "CycloneDX" and bom["metadata"]["component"]["version"] == sys.argv[4]
assert bom["metadata"]["component"]["hashes"][0]["content"] == program, "the SBOM is of another program"
def parts(of):
    for part in of:
        yield part
        yield from parts(part.get("components", []))
found = {}
for part in parts(bom["components"]):
    assert part["licenses"][0]["expression"] not in ("", "NOASSERTION"), part["name"]
    found.setdefault(part["name"], part)
assert found["V8"]["version"] == sys.argv[3], found["V8"]
for name in ["v8", "ICU and its data", "AWS-LC", "rust-std", "rustls", "rmcp", "o200k_base"]:
    assert name in found, name
print(f"ok: SBOM: {len(found)} parts, V8 {sys.argv[3]}, ICU {found['ICU and its data']['version']}, each with a licence")
END
passed=$((passed + 1))
for name in V8 ICU AWS-LC "Rust Standard Library" Abseil; do grep -qF "$name" "$top/THIRD-PARTY-LICENSES.txt" || fail "no licence of $name"; done
ok "licences"

step npm
npm=(npm --no-audit --no-fund --loglevel=error)
echo '{"private": true}' >package.json
"${npm[@]}" install "$(one "$files/isolet-$version.tgz")" "$(one "$files/isolet-linux-x64-$version.tgz")" >log 2>&1 || { cat log; fail "npm install failed"; }
cmp "$program" node_modules/@isolet/linux-x64/bin/isolet || fail "npm: another program than the archive's"
uses npm npx --no-install isolet
ends npm TERM node node_modules/isolet/bin/isolet.js
ends npm INT node node_modules/isolet/bin/isolet.js
echo "{\"mcpServers\": {\"demo\": {\"command\": \"$program\", \"args\": [\"demo-mcp\"]}}}" >servers.json
# As an MCP server of a client: it ends with its standard input.
echo '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}' |
  timeout 60 npx --no-install isolet mcp --mcp-config servers.json >out 2>err || fail "npm: isolet mcp ended with $?: $(cat err)"
grep -q '"serverInfo"' out || fail "npm: isolet mcp answered: $(cat out)"
ok "npm: isolet mcp over a pipe"
# A signal that ends the program ends the launcher too.
code=0
mkfifo never && exec 3<>never
node node_modules/isolet/bin/isolet.js mcp --mcp-config servers.json <&3 >out 2>&1 &
pid=$!
for _ in $(seq 100); do child=$(pgrep -P "$pid" || true); [ -n "$child" ] && break || sleep 0.1; done
kill -KILL "${child:-$pid}"
exec 3>&-
wait "$pid" || code=$?
[ "$code" = 137 ] || fail "npm: the launcher ended with $code after its program was killed"
ok "npm: an end by a signal is passed on"

step npm-without
echo '{"private": true}' >package.json
"${npm[@]}" install --omit=optional "$files/isolet-$version.tgz" >log 2>&1 || { cat log; fail "npm install --omit=optional failed"; }
if npx --no-install isolet --version >out 2>err; then fail "npm: runs without its program"; fi
grep -q '@isolet/linux-x64 is missing' err || fail "npm: without its program it says: $(cat err)"
ok "npm: says what is missing"

step pip
python3 -m venv v
wheel=$(one "$files/isolet-$version-"*.whl)
v/bin/python -m pip install --quiet --disable-pip-version-check --no-index "$wheel"
cmp "$program" v/bin/isolet || fail "pip: another program than the archive's"
minor=${needs#GLIBC_2.}
[[ $wheel == *-manylinux_2_"${minor%%.*}"_x86_64.whl ]] || fail "the wheel is ${wheel##*/}, and the program needs $needs"
uses pip v/bin/isolet
ends pip TERM v/bin/isolet
v/bin/python -m pip uninstall --quiet --yes isolet
[ ! -e v/bin/isolet ] || fail "pip: left the program behind"

# The same input gives the same bytes.
step again
mkdir papers a b
cp "$top/isolet.cdx.json" "$top/THIRD-PARTY-LICENSES.txt" papers/
for folder in a b; do SOURCE_DATE_EPOCH=1000000000 "$repository/dist/pack.py" /bin/true papers "$folder"; touch papers/*; done
diff -r a b || fail "packing twice gives other bytes"
ok "packing is reproducible"

echo "$passed passed, 0 failed"
