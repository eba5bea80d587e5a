#!/usr/bin/env bash
# Applies *.patch of a folder, in the order of their names, to V8's source; each one once, however often this is called.
# usage: apply-patches.sh V8_SOURCE [PATCHES]
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
SOURCE=$(cd "$1" && pwd); PATCHES=$(cd "${2:-$HERE/patches}" && pwd)
RECORD=$SOURCE/.applied-patches; touch "$RECORD"
shopt -s nullglob; cd "$PATCHES"; FILES=(*.patch)
WANTED=(); for file in "${FILES[@]}"; do WANTED+=("$(sha256sum "$file")"); done
mapfile -t APPLIED <"$RECORD"
for at in "${!APPLIED[@]}"; do
  [ "${APPLIED[$at]}" = "${WANTED[$at]:-}" ] || {
    echo "apply-patches: $SOURCE has other patches in it than $PATCHES (${APPLIED[$at]##* }): delete it and start anew" >&2; exit 1; }
done
for ((at = ${#APPLIED[@]}; at < ${#WANTED[@]}; at++)); do
  # A dry run first, so that a patch that does not apply changes nothing. No fuzz: a patch that does
  # not apply exactly needs a review.
  for try in --dry-run --no-backup-if-mismatch; do
    patch -p1 --batch --forward --fuzz=0 --silent $try -d "$SOURCE" <"${FILES[$at]}" || {
      echo "apply-patches: ${FILES[$at]} does not fit $SOURCE" >&2; exit 1; }
  done
  echo "${WANTED[$at]}" >>"$RECORD"
  echo "applied ${FILES[$at]}"
done
