#!/usr/bin/env bash
# Builds the packages: an archive, npm packages, a Python wheel, an SBOM, and their SHA256SUMS
# (docs/install.md).
# usage: dist/build.sh [FOLDER]              into target/dist, which it empties first
#        ISOLET_GLIBC_VERSION=2.31           for that glibc and later ones instead of 2.28; empty: this machine's
# Needs the tools of a build, python3 with venv, and objdump (binutils). Publishes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
out=${1:-$target/dist}
glibc=${ISOLET_GLIBC_VERSION-2.28}

if [ -n "$glibc" ]; then
  dist/glibc.sh "$glibc" "$target/glibc-$glibc"
  ISOLET_GLIBC=$(realpath "$target/glibc-$glibc")
  export ISOLET_GLIBC
fi
cargo build --release --locked --bin isolet
program=$target/release/isolet

# The glibc that the program really needs.
needs=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
if [ -n "$glibc" ] && [ "$(printf '%s\n' "$needs" "GLIBC_$glibc" | sort -V | tail -n 1)" != "GLIBC_$glibc" ]; then
  echo "build.sh: the program needs $needs, later than $glibc" >&2
  exit 1
fi

# The packages have the date of the commit, so that the same commit gives the same bytes. cargo does
# not get it, as it would compile C code again for each commit.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

rm -rf "$out"
mkdir -p "$out"
papers=$(mktemp -d)
trap 'rm -rf "$papers"' EXIT
dist/inside.py "$program" "$papers"
"$program" man --dir "$papers/man/man1"
mkdir "$papers/completions"
"$program" completions bash >"$papers/completions/isolet.bash"
"$program" completions zsh >"$papers/completions/_isolet"
"$program" completions fish >"$papers/completions/isolet.fish"
dist/pack.py "$program" "$papers" "$out"

echo "program: $(stat -c %s "$program") bytes, needs ${needs/_/ } or later"
(cd "$out" && stat -c '%n: %s bytes' -- *)
