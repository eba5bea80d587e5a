#!/usr/bin/env bash
# Makes the linker's part of an older glibc: a program that is linked with it runs with that glibc
# and all later ones. Zig has the names and versions of all releases of glibc and makes such
# libraries, which contain names only and are never loaded.
# usage: glibc.sh VERSION FOLDER        glibc.sh 2.28 target/dist/glibc-2.28
# Needs python3 with venv. Takes half a minute the first time, 100 MB from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1 folder=$2
tools=${CARGO_TARGET_DIR:-target}/tools/zig

if ! cmp -s dist/ziglang.txt "$tools/installed"; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement dist/ziglang.txt
  cp dist/ziglang.txt "$tools/installed"
fi
stamp="$version $(sha256sum <dist/ziglang.txt)"
[ "$(cat "$folder/made" 2>/dev/null)" != "$stamp" ] || exit 0

# A cache of its own, so that it has each file once.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'int main(void) { return 0; }' >"$work/empty.c"
env ZIG_GLOBAL_CACHE_DIR="$work/cache" ZIG_LOCAL_CACHE_DIR="$work/cache" \
  "$tools/bin/python" -m ziglang cc -target "x86_64-linux-gnu.$version" -fPIE -pie "$work/empty.c" -o "$work/empty"

rm -rf "$folder"
mkdir -p "$folder"
for name in libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1 libresolv.so.2 libld.so.2 libc_nonshared.a Scrt1.o; do
  found=$(find "$work/cache/o" -name "$name")
  [ -f "$found" ] || { echo "glibc.sh: zig made no $name (or several)" >&2; exit 1; }
  cp "$found" "$folder/"
done
# The names for -lm and the like. libc consists of three files, the loader's functions among them.
for name in libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1 libresolv.so.2; do ln -s "$name" "$folder/${name%.*}"; done
at=$(realpath "$folder")
echo "GROUP ( $at/libc.so.6 $at/libc_nonshared.a AS_NEEDED ( $at/libld.so.2 ) )" >"$folder/libc.so"
echo "$stamp" >"$folder/made"
