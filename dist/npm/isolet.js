#!/usr/bin/env node
// Starts the program of the package for this platform. It replaces this process where Node.js
// supports that (22.15, 23.11 and later); else it is a child that gets the signals, and this
// process ends as it ends.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { isatty } = require("node:tty");

const PACKAGE = "@isolet/linux-x64";

function program() {
  try {
    return require.resolve(`${PACKAGE}/bin/isolet`);
  } catch {
    const here = `${process.platform}-${process.arch}`;
    const why =
      here === "linux-x64"
        ? `the package ${PACKAGE} is missing: install without --omit=optional or --no-optional, with a C library that is glibc (not musl)`
        : `there is no build for ${here}, only for linux-x64 with glibc: build it from source, or run it in a Linux container`;
    console.error(`isolet: ${why}`);
    process.exit(1);
  }
}

const file = program();
const args = process.argv.slice(2);

if (typeof process.execve === "function") {
  process.execve(file, ["isolet", ...args], process.env);
}

const child = spawn(file, args, { stdio: "inherit", argv0: "isolet" });

// A terminal sends these to the child as well, and a second one means an immediate end.
const fromTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor)) ? ["SIGINT", "SIGQUIT", "SIGHUP"] : [];
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]) {
  process.on(signal, () => fromTerminal.includes(signal) || child.kill(signal));
}

child.on("error", (error) => {
  console.error(`isolet: cannot start ${file}: ${error.message}`);
  process.exit(error.code === "ENOENT" ? 127 : 126);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // If the signal does not end this process.
  setTimeout(() => process.exit(128 + constants.signals[signal]), 1000);
});
