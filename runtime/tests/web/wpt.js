// The data of the web-platform-tests for URLs and patterns: `input` has the three files. Returns
// the cases that fail.

const parts = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
const failed = [];
const counts = { urls: 0, setters: 0, patterns: 0 };

// A case is named by its kind and its number; the text beside it is for readers of a failure.
function check(kind, cases, text, passes) {
  for (const one of cases) {
    if (typeof one === "string") continue;
    const name = `${kind} ${counts[kind]++}`;
    let isRight = false;
    try {
      isRight = passes(one);
    } catch {
      // It fails.
    }
    if (!isRight) failed.push([name, JSON.stringify(text(one))]);
  }
}

const made = (make) => {
  try {
    return make();
  } catch {
    return undefined;
  }
};
const same = (url, expected) => parts.every((part) => !(part in expected) || url[part] === expected[part]);

check("urls", input.urls, ({ input, base }) => [input, base], (one) => {
  const url = made(() => new URL(one.input, one.base ?? undefined));
  return one.failure ? url === undefined : same(url, one);
});
for (const part of Object.keys(input.setters).filter((part) => part !== "comment")) {
  check("setters", input.setters[part], ({ href, new_value }) => [part, href, new_value], (one) => {
    const url = new URL(one.href);
    url[part] = one.new_value;
    return same(url, one.expected);
  });
}
check("patterns", input.patterns, ({ pattern, inputs }) => [pattern, inputs], (one) => {
  const pattern = made(() => new URLPattern(...(one.pattern ?? [])));
  if (pattern === undefined || one.expected_obj === "error") return (pattern === undefined) === (one.expected_obj === "error");
  const { inputs, expected_match: expected } = one;
  if (expected === "error") return made(() => [pattern.test(...(inputs ?? []))]) === undefined;
  const isSame = Object.entries(one.expected_obj ?? {}).every(([part, text]) => pattern[part] === text);
  if (inputs === undefined) return isSame;
  const match = pattern.exec(...inputs);
  if (pattern.test(...inputs) !== Boolean(expected) || !expected) return isSame && (match === null) === !expected;
  return Object.entries(expected).every(
    ([part, { input, groups }]) =>
      part === "inputs" ||
      (match[part].input === input && Object.entries(groups ?? {}).every(([name, text]) => (match[part].groups[name] ?? null) === text)),
  );
});
return { counts, failed };
