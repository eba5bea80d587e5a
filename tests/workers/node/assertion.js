import assert, { AssertionError, deepEqual, strict } from "node:assert";

const thrown = (run) => {
  try {
    run();
    return "passed";
  } catch (error) {
    return [error.name, error.code, error.message, error.generatedMessage, error.operator];
  }
};
const rejected = (promise) =>
  promise.then(
    () => "passed",
    (error) => [error.name, error.code, error.message],
  );

export const probes = {
  same: () => [assert.strict === strict, assert.AssertionError === AssertionError, assert.deepEqual === deepEqual],
  equality: () => [
    thrown(() => assert.equal(Number.NaN, Number.NaN)),
    thrown(() => assert.strictEqual(1, 2, "own message")),
    thrown(() => assert.strictEqual(Number.NaN, Number.NaN)),
  ],
  truth: () => [
    thrown(() => assert(true)),
    thrown(() => assert.ok(0, "zero")),
    thrown(() => assert(false, "no")),
    thrown(() => assert.fail()),
    thrown(() => assert.fail("because")),
    thrown(() => assert.ifError(null)),
    thrown(() => assert.ifError(new Error("bad"))),
  ],
  deep: () => [
    thrown(() => assert.deepStrictEqual({ a: 1, b: [1, 2] }, { a: 1, b: [1, 2] })),
    thrown(() => assert.deepStrictEqual(new Map([[{ a: 1 }, "x"]]), new Map([[{ a: 1 }, "x"]]))),
    thrown(() => assert.deepStrictEqual(new Set([1, { a: 2 }]), new Set([{ a: 2 }, 1]))),
    thrown(() => assert.deepStrictEqual(new Date(0), new Date(0))),
    thrown(() => assert.deepStrictEqual(/a/g, /a/g)),
    thrown(() => assert.deepStrictEqual([1, , 3], [1, , 3])),
    thrown(() => assert.deepStrictEqual(new Error("a"), new Error("a"))),
    thrown(() => assert.notDeepEqual({ a: 1 }, { a: 2 })),
    thrown(() => assert.deepStrictEqual(new Uint8Array([1]), new Uint8Array([1]))),
    thrown(() => assert.deepStrictEqual({}, Object.create(null)))[1],
    thrown(() => assert.deepStrictEqual([0], [-0]))[1],
    thrown(() => assert.deepStrictEqual(/a/g, /a/i))[1],
    thrown(() => assert.deepStrictEqual(new Map([[1, 2]]), new Map([[1, 3]])))[1],
    thrown(() => assert.deepStrictEqual({ a: 1 }, { a: 2 }))[1],
    thrown(() => assert.notDeepStrictEqual({ a: 1 }, { a: 1 }))[1],
  ],
  circular: () => {
    const [a, b] = [{}, {}];
    a.self = a;
    b.self = b;
    return thrown(() => assert.deepStrictEqual(a, b));
  },
  throwing: () => [
    thrown(() => assert.throws(() => JSON.parse("{"), SyntaxError)),
    thrown(() =>
      assert.throws(() => {
        throw new TypeError("bad");
      }, /bad/),
    ),
    thrown(() =>
      assert.throws(
        () => {
          throw new TypeError("bad");
        },
        { name: "TypeError", message: "bad" },
      ),
    ),
    thrown(() =>
      assert.throws(
        () => {
          throw new TypeError("bad");
        },
        (error) => error instanceof TypeError,
      ),
    ),
    thrown(() => assert.throws(() => {})),
    thrown(() => assert.throws(() => {}, TypeError)),
    thrown(() => assert.throws(() => {}, "message")),
    thrown(() => assert.throws("text")),
    thrown(() => assert.doesNotThrow(() => {})),
  ],
  rejecting: async () => [
    await rejected(assert.rejects(Promise.reject(new Error("no")), /no/)),
    await rejected(assert.rejects(async () => {}, Error)),
    await rejected(assert.rejects(() => 1)),
    await rejected(assert.doesNotReject(Promise.resolve(1))),
  ],
  matching: () => [
    thrown(() => assert.match("abc", /b/)),
    thrown(() => assert.match("abc", "b")),
  ],
  error: () => {
    const error = new AssertionError({ actual: 1, expected: 2, operator: "strictEqual" });
    return [error instanceof Error, error.name, error.code, error.actual, error.expected, error.generatedMessage];
  },
};
