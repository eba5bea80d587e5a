// Put before each of the files beside it, which then are one script that returns what failed.
const tests = [];
// `run` gives a value whose JSON must be that of `expected`; what it throws counts as "Name:
// message", or only as "Name" where that is expected.
const test = (name, run, expected) => tests.push({ name, run, expected });
// The name of what a function throws or rejects with.
const thrown = async (run) => {
  try {
    return `returned ${await run()}`;
  } catch (error) {
    return error.name;
  }
};
const all = (...runs) => Promise.all(runs.map(thrown));
const bytes = (...values) => new Uint8Array(values);
const utf8 = (text) => new TextEncoder().encode(text);
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const drain = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const finish = async () => {
  const failures = [];
  for (const { name, run, expected } of tests) {
    let actual;
    try {
      actual = await run();
    } catch (error) {
      actual = `${error.name}: ${error.message}`;
    }
    const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (got !== wanted) failures.push(`${name}: got ${got}, wanted ${wanted}`);
  }
  return { count: tests.length, failures };
};
