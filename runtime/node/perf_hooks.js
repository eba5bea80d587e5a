// node:perf_hooks
"use strict";

const { codes } = require("internal/errors");

const unavailable = (name) => () => {
  throw new codes.ERR_METHOD_NOT_IMPLEMENTED(
    `node:perf_hooks: ${name}() is not available in a Worker: clocks are in whole milliseconds.`,
  );
};
for (const name of [
  "Performance",
  "PerformanceEntry",
  "PerformanceMark",
  "PerformanceMeasure",
  "PerformanceObserver",
  "PerformanceObserverEntryList",
  "PerformanceResourceTiming",
]) {
  exports[name] = globalThis[name] ?? class {};
}
exports.performance = globalThis.performance;
exports.constants = {};
for (const name of ["createHistogram", "monitorEventLoopDelay"]) exports[name] = unavailable(name);
exports.eventLoopUtilization = () => ({ idle: 0, active: 0, utilization: 0 });
exports.timerify = (fn) => fn;
