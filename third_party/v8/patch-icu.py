#!/usr/bin/env python3
"""Takes the locale `nn` out of ICU data, in an icudtl.dat or in a library that has it linked in.

The crate's smaller ICU data lists Norwegian Nynorsk but lacks the line in its bundle that names its parent. ICU 78 then makes
the bundle its own parent and walks that circle for ever (uresbund.cpp, loadParentsExceptRoot: mayHaveParent("nn") is true and
the name stays "nn"). V8 opens every listed locale at the first use of Intl.NumberFormat, DateTimeFormat and others, so
`(5).toLocaleString()` never returned. Under a name that nobody asks for (and that keeps the table of contents sorted) the
bundle is not found, and V8 leaves the locale out of its list.

usage: patch-icu.py FILE       changes FILE in place; fails unless it finds each name exactly once
"""
import sys

RENAMES = [(b"icudt78l/nn.res\0", b"icudt78l/nm.res\0"), (b"icudt78l/lang/nn.res\0", b"icudt78l/lang/nm.res\0")]

path = sys.argv[1]
with open(path, "rb") as file:
    data = file.read()
for old, new in RENAMES:
    if data.count(old) != 1:
        sys.exit(f"{path}: {old!r} is there {data.count(old)} times, not once")
    data = data.replace(old, new)
with open(path, "wb") as file:
    file.write(data)
