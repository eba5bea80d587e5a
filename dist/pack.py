#!/usr/bin/env python3
"""Packs the program: an archive, two npm packages, a Python wheel, and the digests of all.

    dist/pack.py PROGRAM PAPERS FOLDER      PAPERS: sbom, licences, man page and completions, as dist/build.sh makes them

The same program and papers give the same bytes: entries are sorted, belong to nobody, and are as old as SOURCE_DATE_EPOCH.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NPM = "@isolet/linux-x64"
CARGO = (ROOT / "Cargo.toml").read_text()
SUMMARY = "Runs the code that AI agents write: V8 isolates with MCP servers as bindings"


def fact(name):
    return re.search(rf'^{name} = "([^"]+)"', CARGO, re.MULTILINE).group(1)


VERSION, REPOSITORY = fact("version"), fact("repository")
EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])


def tgz(file, entries):
    """`entries`: path in the archive to content, and whether it is a program."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, (content, program) in sorted(entries.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime, entry.mode = len(content), EPOCH, 0o755 if program else 0o644
            tar.addfile(entry, io.BytesIO(content))
    with open(file, "wb") as out, gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=out, mtime=EPOCH) as packed:
        packed.write(raw.getvalue())


def archive(folder, program, papers):
    top = f"isolet-{VERSION}-x86_64-linux-gnu"
    entries = {f"{top}/isolet": (program, True)}
    for path in ("LICENSE", "README.md", "CHANGELOG.md"):
        entries[f"{top}/{path}"] = ((ROOT / path).read_bytes(), False)
    for path in sorted(papers.rglob("*")):
        if path.is_file():
            entries[f"{top}/{path.relative_to(papers)}"] = (path.read_bytes(), False)
    tgz(folder / f"{top}.tar.gz", entries)


def npm(folder, program, papers):
    """The package `isolet`, and the package for this platform, on which it depends. No script runs at install."""
    common = {
        "version": VERSION,
        "license": fact("license"),
        "repository": {"type": "git", "url": f"git+{REPOSITORY}.git"},
    }
    launcher = {
        "name": "isolet",
        "description": SUMMARY,
        **common,
        "bin": {"isolet": "bin/isolet.js"},
        "engines": {"node": ">=18"},
        "optionalDependencies": {NPM: VERSION},
    }
    platform = {
        "name": NPM,
        "description": "isolet for x86_64 Linux with glibc; the package isolet takes it along",
        **common,
        "os": ["linux"],
        "cpu": ["x64"],
        "libc": ["glibc"],
        "preferUnplugged": True,
    }
    licence = ((ROOT / "LICENSE").read_bytes(), False)

    def write(file, manifest, entries):
        entries["package.json"] = ((json.dumps(manifest, indent=2) + "\n").encode(), False)
        entries["LICENSE"] = licence
        tgz(folder / file, {f"package/{path}": entry for path, entry in entries.items()})

    write(f"isolet-{VERSION}.tgz", launcher, {
        "README.md": ((ROOT / "README.md").read_bytes(), False),
        "bin/isolet.js": ((ROOT / "dist/npm/isolet.js").read_bytes(), True),
    })
    write(f"isolet-linux-x64-{VERSION}.tgz", platform, {
        "README.md": (f"# {NPM}\n\n{platform['description']}.\n".encode(), False),
        "THIRD-PARTY-LICENSES.txt": ((papers / "THIRD-PARTY-LICENSES.txt").read_bytes(), False),
        "isolet.cdx.json": ((papers / "isolet.cdx.json").read_bytes(), False),
        "bin/isolet": (program, True),
    })


def glibc(file):
    """The oldest glibc with all versions of functions that the program needs."""
    told = subprocess.run(["objdump", "-T", str(file)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return max(tuple(map(int, number.split("."))) for number in re.findall(r"GLIBC_([\d.]+)", told))


def wheel(folder, file, program, papers):
    major, minor = glibc(file)[:2]
    # The oldest tag that current pip knows, but not older than the program allows.
    tag = f"py3-none-manylinux_{major}_{max(minor, 17)}_x86_64"
    info = f"isolet-{VERSION}.dist-info"
    metadata = f"""Metadata-Version: 2.4
Name: isolet
Version: {VERSION}
Summary: {SUMMARY}
License-Expression: {fact("license")}
License-File: LICENSE
License-File: THIRD-PARTY-LICENSES.txt
Project-URL: Repository, {REPOSITORY}
Requires-Python: >=3.8
Description-Content-Type: text/markdown

"""
    entries = {
        f"isolet-{VERSION}.data/scripts/isolet": (program, True),
        f"{info}/METADATA": (metadata.encode() + (ROOT / "README.md").read_bytes(), False),
        f"{info}/WHEEL": (f"Wheel-Version: 1.0\nGenerator: dist/pack.py\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(), False),
        f"{info}/licenses/LICENSE": ((ROOT / "LICENSE").read_bytes(), False),
        f"{info}/licenses/THIRD-PARTY-LICENSES.txt": ((papers / "THIRD-PARTY-LICENSES.txt").read_bytes(), False),
        f"{info}/sboms/isolet.cdx.json": ((papers / "isolet.cdx.json").read_bytes(), False),
    }
    record = ""
    for path, (content, _) in sorted(entries.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(content)}\n"
    entries[f"{info}/RECORD"] = ((record + f"{info}/RECORD,,\n").encode(), False)
    # RECORD is last, as the format requires; a zip has no time before 1980.
    order = sorted(entries, key=lambda path: (path.endswith("/RECORD"), path))
    when = time.gmtime(max(EPOCH, 315532800))[:6]
    with zipfile.ZipFile(folder / f"isolet-{VERSION}-{tag}.whl", "w") as packed:
        for path in order:
            content, executable = entries[path]
            entry = zipfile.ZipInfo(path, when)
            entry.create_system, entry.compress_type = 3, zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if executable else 0o100644) << 16
            packed.writestr(entry, content)


def main(file, papers, folder):
    file, papers, folder = Path(file), Path(papers), Path(folder)
    program = file.read_bytes()
    archive(folder, program, papers)
    npm(folder, program, papers)
    wheel(folder, file, program, papers)
    (folder / f"isolet-{VERSION}.cdx.json").write_bytes((papers / "isolet.cdx.json").read_bytes())
    made = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made)
    (folder / "SHA256SUMS").write_text(sums)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
