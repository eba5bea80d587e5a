// Math.random, seeded when it is first called.
//
// V8 seeds its own from the isolate's generator, and copies of one isolate (see process/zygote and
// process/app_zygote.rs) would draw the same numbers. This is sfc32 (Chris Doty-Humphrey,
// PractRand): four words of state, good statistics, no secrets: those come from crypto.

const { natives } = isolet;
const { ArrayBuffer, Error, ObjectDefineProperty } = isolet.primordials;
const Words = Uint32Array;

let a, b, c, counter;

// Libraries are evaluated once, and all runs have copies of the result: a value that must be
// secret, and whatever is to happen later, is refused until the evaluation has ended.
let evaluating = false;
isolet.onlyInRuns = (what) => {
  if (evaluating)
    throw new Error(
      `${what} is not available while a library is evaluated, as its result would be the same in all runs. Call it in a function.`,
    );
};

// Calls what was given to `whenLibrariesEnd`.
let forget = () => {};
isolet.whenLibrariesEnd = (then) => {
  if (!evaluating) return;
  const earlier = forget;
  forget = () => {
    earlier();
    then();
  };
};

// Begins or ends the evaluation of libraries. Called by Rust.
isolet.libraries = (begins) => {
  evaluating = begins;
  if (!begins) forget();
  // Each copy draws numbers of its own.
  counter = undefined;
};

function next() {
  const word = (((a + b) | 0) + counter) | 0;
  counter = (counter + 1) | 0;
  a = b ^ (b >>> 9);
  b = (c + (c << 3)) | 0;
  c = (((c << 21) | (c >>> 11)) + word) | 0;
  return word >>> 0;
}

function seed() {
  const buffer = new ArrayBuffer(12);
  if (!natives.seed(buffer)) throw new Error("The system has no random bytes.");
  const words = new Words(buffer);
  a = words[0] | 0;
  b = words[1] | 0;
  c = words[2] | 0;
  counter = 1;
  for (let i = 0; i < 12; i++) next();
}

// In a copy of a Worker whose modules may have drawn numbers. Called by Rust.
isolet.reseed = () => {
  counter = undefined;
};

ObjectDefineProperty(Math, "random", {
  __proto__: null,
  writable: true,
  configurable: true,
  enumerable: false,
  value: {
    random() {
      if (counter === undefined) seed();
      // 53 bits, as a double holds.
      return ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
    },
  }.random,
});
