// What util.inspect() shows of values that only the host can look into.
"use strict";

const { natives } = isolet;

// The state of a promise: `pending` or `rejected` as given, undefined if it is fulfilled.
function promise(value, pending, rejected) {
  const details = natives.promiseDetails(value);
  if (details === undefined || details[0] === 0) return [pending, undefined];
  return [details[0] === 2 ? rejected : undefined, details[1]];
}

// The entries that an iterator has left, and whether they are pairs.
function entries(value, wantsKind) {
  const [isPairs = false, ...list] = natives.previewEntries(value) ?? [];
  return wantsKind ? [list, isPairs] : list;
}

// Returns the method that shows an object of a class of the Web.
function custom(value) {
  if (typeof value !== "object" || !isolet.isOfHost(value)) return undefined;
  return show;
}

function show(depth, options, inspect) {
  const name = this.constructor?.name ?? "Object";
  if (depth !== null && depth < 0) return options.stylize(`[${name}]`, "special");
  for (let i = 0; i < isolet.shown.length; i++) {
    const shown = isolet.shown[i];
    if (!shown.is(this)) continue;
    const { text, fields } = shown.show(this, name);
    if (text !== undefined) return text;
    const plain = inspect({ ...fields }, { ...options, depth });
    return `${name} ${plain}`;
  }
  return `${name} {}`;
}

module.exports = { custom, entries, promise };
