#!/usr/bin/env bash
# Runs the built program with the C library of Debian 11 (glibc 2.31) and this machine's kernel only.
# usage: dist/try-debian-11.sh [PROGRAM]        as root, on Debian, by hand, as the packages of Debian 11 may move
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/isolet}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$root"/{proc,dev,tmp,old}

mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" >"$work/apt/sources"
apt=(-o Dir::Etc::sourcelist="$work/apt/sources" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
apt-get "${apt[@]}" update -qq
(cd "$work/apt" && apt-get "${apt[@]}" download -qq libc6:amd64 libgcc-s1:amd64 busybox-static:amd64)
for package in "$work"/apt/*.deb; do dpkg-deb -x "$package" "$root"; done
ls "$root"/lib/x86_64-linux-gnu/libc-*.so

cp "$program" "$root/isolet"
cp examples/quickstart.ts "$root/tmp/"
# Not chroot, in which the kernel refuses the user namespaces that the jail needs.
unshare --mount --propagation private bash -euc "
  mount --bind $root $root
  for file in null zero random urandom; do touch $root/dev/\$file; mount --bind /dev/\$file $root/dev/\$file; done
  mount --rbind /proc $root/proc
  cd $root
  pivot_root . old
  exec /bin/busybox sh -euc '
    export HOME=/tmp
    cd /tmp
    busybox umount -l /old
    /isolet --version
    /isolet run quickstart.ts
    echo \"return 6 * 7\" >answer.ts
    /isolet run answer.ts --json --no-jit
  '
"
