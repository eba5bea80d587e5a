#!/usr/bin/env python3
"""Lists the functions that scripts make V8 and isolet call, for the linker to put next to each other.

Each run is a process of its own, and the kernel maps a program's text into it 64 KiB at a time, as it is touched. Runs
touch a few hundred KiB of functions that lie all over 48 MiB. See docs/decisions.md, "A fork copies as little as possible".

    CARGO_PROFILE_RELEASE_STRIP=none cargo build --release -p isolet
    third_party/v8/hot-functions.py target/release/isolet > third_party/v8/hot-functions.txt

Steps runners through the scripts below, instruction by instruction (some minutes; needs the right to trace processes),
and writes which functions ran, in the order of their first call. Names that a program does not have are ignored by the
linker. V8's stay the same as long as the archive does; those of Rust's standard library and of crates from the registry
change with the compiler and the lock file; isolet's own, which change with everything, are left out. Run this again
when V8 changes, and now and then.
"""

import bisect
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

# What most scripts do: nothing much, a call, and a bit of everything.
SCRIPTS = [
    "return 1 + 1",
    "const r = await env.demo.add({ a: 1, b: 2 }); return r.sum",
    """
const list = await Promise.all([1, 2, 3].map((n) => env.demo.add({ a: n, b: 2 })));
const text: string = JSON.stringify(await env.demo.list_documents({}));
const words = text.split(/\\s+/).filter((w) => w.length > 2).map((w) => w.toLowerCase());
const counts: Record<string, number> = {};
for (const w of words) counts[w] = (counts[w] ?? 0) + 1;
const sorted = Object.entries(counts).sort((a, b) => b[1] - a[1]).slice(0, 5);
console.log("words", words.length, { sorted });
try { JSON.parse("{"); } catch (error) { console.warn(error.message); }
const m = new Map(sorted); const s = new Set(words);
await new Promise((r) => setTimeout(r, 1));
return { total: list.reduce((t, x) => t + x.sum, 0), top: [...m.keys()], size: s.size,
         text: `${words.join(" ").padEnd(20)}`.replace("a", "b") };
""",
]
# Tables that every run reads, found as the addresses of page faults (`perf record -e exceptions:page_fault_user`).
DATA = [
    "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE",
    "_ZN2v88internalL15one_char_tokensE",
    "_ZZN2v88internal29TranslationOpcodeOperandCountENS0_17TranslationOpcodeEE6counts",
    "_ZL22propsVectorsTrie_index",
    "_ZL12propsVectors",
]
ADDRESS = "127.0.0.1:18799"
SEIZE, INTERRUPT, STEP, GETREGS = 0x4206, 0x4207, 9, 12
RIP = 16  # its place among the registers of x86_64

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, pid, data=None):
    if libc.ptrace(request, pid, None, data) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {pid}")


def step(pid, base, text, post):
    """The addresses in `text` that run, each once, in order, until the process ends; as if the program lay at 0."""
    seen, order = set(), []
    registers = (ctypes.c_ulonglong * 27)()
    ptrace(SEIZE, pid)
    ptrace(INTERRUPT, pid)
    os.waitpid(pid, 0)
    post.start()
    while True:
        try:
            ptrace(STEP, pid)
            _, status = os.waitpid(pid, 0x40000000)
            if not os.WIFSTOPPED(status):
                break
            ptrace(GETREGS, pid, ctypes.addressof(registers))
        except (OSError, ChildProcessError):
            break
        place = registers[RIP] >> 4
        if place not in seen:
            seen.add(place)
            if text[0] <= registers[RIP] - base < text[1]:
                order.append(registers[RIP] - base)
    return order


def children(pid):
    tasks = f"/proc/{pid}/task"
    return [int(child) for task in os.listdir(tasks) for child in open(f"{tasks}/{task}/children").read().split()]


def places(program, text, scripts):
    """What ran of `text`, script by script."""
    settings = '[limits]\ncpu = "20m"\nwall = "20m"\ncall_timeout = "10m"\n[runtime]\nwarm = 1\n'
    found = []
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "isolet.toml")
        with open(config, "w") as file:
            file.write(settings)
        server = subprocess.Popen([program, "serve", "--config", config, "--listen", ADDRESS],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            for script in scripts:
                deadline = time.monotonic() + 20
                runner = None
                while runner is None:
                    if time.monotonic() > deadline or server.poll() is not None:
                        sys.exit("isolet did not start: " + (server.stderr.read() if server.poll() is not None else ""))
                    time.sleep(0.2)
                    zygotes = [pid for pid in children(server.pid)
                               if open(f"/proc/{pid}/cmdline").read().split("\0")[1] == "zygote"]
                    # Those that have ended have no memory.
                    runners = [pid for zygote in zygotes for pid in children(zygote) if open(f"/proc/{pid}/maps").read()]
                    runner = next(iter(runners), None)
                time.sleep(0.5)
                with open(f"/proc/{runner}/maps") as file:
                    # The first of its file. Parts of the program's code are in huge pages, of which nobody says so.
                    base = next(int(line.split("-")[0], 16) for line in file if line.rstrip().endswith("isolet"))
                body = json.dumps({"code": script}).encode()
                request = urllib.request.Request(f"http://{ADDRESS}/v1/run", body, {"Content-Type": "application/json"})
                answer = []
                post = threading.Thread(target=lambda: answer.append(urllib.request.urlopen(request).read()))
                found.append(step(runner, base, text, post))
                post.join()
                print(f"{len(found[-1])} places, {answer[0][:60]}", file=sys.stderr)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    return found


def functions(program):
    """The addresses of the program's code, and those of its functions, in order, with their names."""
    headers = subprocess.run(["readelf", "-lW", program], capture_output=True, text=True, check=True).stdout
    text = next(line.split() for line in headers.splitlines() if re.match(r"\s*LOAD .* R E ", line))
    start, length = int(text[2], 16), int(text[5], 16)
    names = {}
    table = subprocess.run(["nm", "-S", "--defined-only", program], capture_output=True, text=True, check=True).stdout
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) == 4 and fields[2] in "tTwW":
            names.setdefault(int(fields[0], 16), []).append(fields[3])
    return (start, start + length), sorted(names.items())


def main():
    text, table = functions(sys.argv[1])
    starts = [start for start, _ in table]
    listed = {}
    for place in [place for script in places(sys.argv[1], text, SCRIPTS) for place in script]:
        for name in table[max(bisect.bisect(starts, place) - 1, 0)][1]:
            # V8's built-in functions are one piece to the linker.
            if not name.startswith("Builtins_") and "isolet" not in name:
                listed[name] = None
    print("\n".join([*listed, *DATA]))


main()
