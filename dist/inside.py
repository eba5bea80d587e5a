#!/usr/bin/env python3
"""Lists the parts of the program: an SBOM (CycloneDX 1.6, JSON) and the licences of all parts in one text.

    dist/inside.py PROGRAM FOLDER     writes FOLDER/isolet.cdx.json and FOLDER/THIRD-PARTY-LICENSES.txt

The parts are the crates that cargo resolves for isolet on x86_64 Linux through ordinary dependencies (macros and build scripts
run while it is built and are not in it), Rust's standard library, V8 with the parts in third_party/v8/LICENSES.md, the npm packages
in runtime/node/vendor/LICENSES.md, and what other crates bring along (`BROUGHT`). Licences are what the crates declare; their texts are the files beside their sources.
"""

import hashlib
import html
import json
import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = "x86_64-unknown-linux-gnu"
LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|unlicense|copyright)", re.IGNORECASE)
# The licence whose parts come with the place of their source.
MPL = "MPL-2.0"
# Parts of Rust's standard library that are for other systems, or for building it.
ELSEWHERE = re.compile(r"windows|wasi|wit-|hermit|fortanix|r-efi|vex|moto|xous|unwinding|dlmalloc|^cc$|^shlex$|^rand|getopts")
# Names of a part in databases of vulnerabilities.
CPE = {"V8": "google:v8", "ICU and its data": "icu-project:international_components_for_unicode"}


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def sha256(file):
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def crates():
    """The crates in the program, isolet first, and for each the ids of those that it depends on."""
    told = json.loads(run("cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={TARGET}"))
    packages = {package["id"]: package for package in told["packages"]}
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}

    def is_macro(package):
        return any("proc-macro" in target["kind"] for target in packages[package]["targets"])

    root = next(i for i, package in packages.items() if package["name"] == "isolet" and package["source"] is None)
    found, left = {}, [root]
    while left:
        package = left.pop()
        if package not in found:
            edges = (edge for edge in nodes[package]["deps"] if any(kind["kind"] is None for kind in edge["dep_kinds"]))
            found[package] = sorted(edge["pkg"] for edge in edges if not is_macro(edge["pkg"]))
            left.extend(found[package])
    order = sorted(found, key=lambda i: (i != root, packages[i]["name"], packages[i]["version"]))
    return [packages[i] for i in order], found


def expression(licence):
    """A crate's licence as an SPDX expression: older crates have a slash for `OR`."""
    return re.sub(r"\s*/\s*", " OR ", licence or "NOASSERTION")


def component(kind, name, version, licence, **more):
    made = {"type": kind, "name": name}
    if version:
        made["version"] = version
    made["licenses"] = [{"expression": licence}]
    return made | more


def of_crate(package):
    purl = f"pkg:cargo/{package['name']}@{package['version']}"
    more = {"bom-ref": purl, "purl": purl}
    if package["authors"]:
        more["authors"] = [{"name": author} for author in package["authors"]]
    if package["description"]:
        more["description"] = " ".join(package["description"].split())
    if package["source"] is not None:
        more["hashes"] = [{"alg": "SHA-256", "content": CHECKSUMS[package["name"], package["version"]]}]
    if package["repository"]:
        more["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return component("library", package["name"], package["version"], expression(package["license"]), **more)


def checksums():
    """The digests of the crates' archives, from Cargo.lock."""
    text = (ROOT / "Cargo.lock").read_text()
    entry = re.compile(r'name = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([^"]+)"')
    return {(name, version): checksum for name, version, checksum in entry.findall(text)}


def v8_parts():
    """The table of third_party/v8/LICENSES.md, as components of the crate."""
    folder = ROOT / "third_party/v8"
    table = (folder / "LICENSES.md").read_text()
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)[1:]
    facts = dict(re.findall(r"^(\w+) = *(.*)$", (folder / "VERSION").read_text(), re.MULTILINE))
    parts = []
    for name, version, licence, notice in rows:
        name = re.sub(r" \(.*\)", "", name)
        if name == "v8":
            expected, there = facts["crate"], version
        elif name == "V8":
            expected, there = facts["v8"], version
        else:
            expected = there = None
        if expected != there:
            sys.exit(f"inside.py: third_party/v8/LICENSES.md says {name} {there}, VERSION says {expected}")
        if name == "v8":
            continue
        number = facts["v8"] if version == "in V8" else version.removeprefix("git ")
        more = {"bom-ref": f"v8/{name}", "copyright": notice.removesuffix("; below")}
        if name in CPE:
            more["cpe"] = f"cpe:2.3:a:{CPE[name]}:{number}:*:*:*:*:*:*:*"
        if name == "V8":
            patches = facts["patches"] or "none"
            more["properties"] = [{"name": "isolet:patches", "value": patches}, {"name": "isolet:built", "value": facts["built"]}]
        parts.append(component("library", name, number, licence, **more))
    if not any(part["name"] == "V8" for part in parts):
        sys.exit("inside.py: no V8 in the table of third_party/v8/LICENSES.md")
    return parts


def npm_packages(folder):
    """The table of runtime/node/vendor/LICENSES.md, which must agree with the lock file."""
    vendor = folder / "node/vendor"
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", (vendor / "LICENSES.md").read_text(), re.MULTILINE)[1:]
    locked = json.loads((vendor / "package-lock.json").read_text())["packages"]
    parts = []
    for name, version, licence, notice in rows:
        there = locked.get(f"node_modules/{name}", {}).get("version")
        if there != version:
            sys.exit(f"inside.py: runtime/node/vendor/LICENSES.md says {name} {version}, package-lock.json says {there}")
        purl = f"pkg:npm/{name}@{version}"
        parts.append(component("library", name, version, licence, **{"bom-ref": purl, "purl": purl, "copyright": notice.removesuffix("; below")}))
    wanted = set(json.loads((vendor / "package.json").read_text())["dependencies"]) - {"esbuild"}
    if wanted != {part["name"] for part in parts}:
        sys.exit(f"inside.py: runtime/node/vendor/LICENSES.md does not list the packages of package.json: {sorted(wanted)}")
    return parts


def aws_lc(folder):
    header = (folder / "aws-lc/include/openssl/base.h").read_text()
    version = re.search(r'AWSLC_VERSION_NUMBER_STRING "([^"]+)"', header).group(1)
    return [component("library", "AWS-LC", version, "Apache-2.0 OR ISC", **{"bom-ref": "aws-lc"})]


def token_table(folder):
    file = folder / "assets/o200k_base.tiktoken"
    hashes = [{"alg": "SHA-256", "content": sha256(file)}]
    return [component("data", "o200k_base", None, "MIT", **{"bom-ref": "o200k_base", "hashes": hashes,
            "description": "OpenAI's table of tokens, as tiktoken publishes it", "copyright": "Copyright (c) 2022 OpenAI"})]


# Parts of other projects inside of crates, each from its source's folder.
BROUGHT = {"v8": lambda _: v8_parts(), "aws-lc-sys": aws_lc, "tiktoken-rs": token_table, "isolet-runtime": npm_packages}


def standard_library():
    """Rust's standard library with the crates in it, and its notices as text."""
    version = re.search(r"^release: (.+)$", run("rustc", "-vV"), re.MULTILINE).group(1)
    file = Path(run("rustc", "--print", "sysroot").strip()) / "share/doc/rust/COPYRIGHT-library.html"
    if not file.exists():
        sys.exit(f"inside.py: {file} is missing: the notices of Rust's standard library come with rustup's toolchains")
    text = html.unescape(re.sub(r"<[^>]+>", "", file.read_text()))
    text = re.sub(r"\n\s*\n(\s*\n)+", "\n\n", text).strip() + "\n"
    parts = []
    for name, number, licence in re.findall(r"📦 (\S+?)-(\d\S*)\n.*?License: ([^\n]+)", text, re.DOTALL):
        if not ELSEWHERE.search(name):
            ref = f"std/{name}@{number}"
            parts.append(component("library", name, number, expression(licence.strip()), **{"bom-ref": ref, "purl": f"pkg:cargo/{name}@{number}"}))
    more = {"bom-ref": "std", "description": "Rust's standard library", "components": parts}
    return component("library", "rust-std", version, "MIT OR Apache-2.0", **more), text


def texts(package):
    """The licence files of a crate's source, and those of other sources one level below."""
    folder = Path(package["manifest_path"]).parent
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and LICENCE_FILE.match(file.name) and file.suffix != ".rs"]
    files += [file for folder in sorted(folder.glob("LICENSES")) for file in sorted(folder.iterdir()) if file.is_file()]
    if package["license_file"]:
        files.append(folder / package["license_file"])
    if package["name"] == "aws-lc-sys":
        files.append(folder / "aws-lc/LICENSE")
    seen = dict.fromkeys(file.resolve() for file in files if file.exists())
    return [file.read_text(errors="replace").replace("\r\n", "\n").strip() for file in seen]


def licences(packages, std_notices):
    """One text: the list of parts, then each licence once with the names of its parts."""
    ours = (ROOT / "LICENSE").read_text()
    mit = ours[ours.index("Permission is hereby"):].strip()
    # Not every crate of one author brings the text.
    mpl = [text for package in packages if package["license"] == MPL for text in texts(package)]
    by_text, lines = {}, []
    for package in packages:
        if package["source"] is None:
            continue
        name = f"{package['name']} {package['version']}"
        lines.append(f"{name}: {expression(package['license'])}")
        found = texts(package)
        if not found and package["license"] == MPL:
            found = mpl[:1]
        if not found:
            if package["license"] != "MIT":
                sys.exit(f"inside.py: {name} has no licence file and is not under MIT alone: say in inside.py where its text is")
            authors = ", ".join(re.sub(r" <.*>", "", author) for author in package["authors"])
            found = [f"MIT License\n\nCopyright (c) {authors or 'the authors of ' + package['name']}\n\n{mit}"]
        for text in found:
            by_text.setdefault(text, []).append(name)
    rule = "=" * 100
    made = ["isolet itself is under the MIT licence (LICENSE). In the program are these, each under its own:\n", *lines, ""]
    unchanged = [package["name"] + "@" + package["version"] for package in packages if package["license"] == MPL]
    made += [f"The source of parts under {MPL} is unchanged: " + ", ".join(f"pkg:cargo/{name}" for name in unchanged), ""]
    for text, names in by_text.items():
        made += [rule, ", ".join(names), rule, "", text, ""]
    made += [rule, "The engine V8 and what is in it", rule, "", (ROOT / "third_party/v8/LICENSES.md").read_text()]
    made += [rule, "Modules of Node.js", rule, "", (ROOT / "runtime/node/vendor/LICENSES.md").read_text()]
    made += [rule, "Rust's standard library", rule, "", std_notices]
    return "\n".join(made)


def main(program, folder):
    global CHECKSUMS
    CHECKSUMS = checksums()
    packages, edges = crates()
    std, notices = standard_library()
    ref = {package["id"]: f"pkg:cargo/{package['name']}@{package['version']}" for package in packages}
    own, components = packages[0], []
    for package in packages[1:]:
        made = of_crate(package)
        if package["name"] in BROUGHT:
            made["components"] = BROUGHT[package["name"]](Path(package["manifest_path"]).parent)
        components.append(made)
    missing = set(BROUGHT) - {package["name"] for package in packages}
    if missing:
        sys.exit(f"inside.py: no longer in the program, take them out of BROUGHT: {sorted(missing)}")
    top = of_crate(own) | {"type": "application", "purl": f"pkg:generic/isolet@{own['version']}"}
    top["bom-ref"] = ref[own["id"]]
    top["hashes"] = [{"alg": "SHA-256", "content": sha256(program)}]
    depends = [{"ref": ref[i], "dependsOn": [ref[to] for to in edges[i]] + (["std"] if i == own["id"] else [])} for i in ref]
    when = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # Derived from the content, so that the same program has the same number.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, sha256(program))}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
            "tools": {"components": [{"type": "application", "name": "dist/inside.py", "version": own["version"]}]},
            "component": top,
        },
        "components": [std, *components],
        "dependencies": depends,
    }
    folder = Path(folder)
    (folder / "isolet.cdx.json").write_text(json.dumps(bom, indent=1, ensure_ascii=False) + "\n")
    (folder / "THIRD-PARTY-LICENSES.txt").write_text(licences(packages, notices))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
