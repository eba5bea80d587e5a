// The tools of the scenarios, answered in the peer's own process.
export const tools = {
  add: async ({ a, b }) => ({ sum: a + b }),
  wait: ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms, { waited: ms })),
  text: async ({ bytes }) => "x".repeat(bytes),
};
