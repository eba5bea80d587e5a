// Many parallel calls, and one that fails without affecting the others.
const { records } = await env.demo.list_records({});
const whole = await Promise.all(records.map(({ id }) => env.demo.get_record({ id })));

const open = whole.map(({ record }) => record).filter(({ stage }) => stage !== "won" && stage !== "lost");
const byOwner: Record<string, number> = {};
for (const { owner, amount } of open) byOwner[owner] = (byOwner[owner] ?? 0) + amount;

let missing = "";
try {
  await env.demo.get_record({ id: "acct-0000" });
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.warn(`${error.name}: ${error.message}`);
  missing = error.message;
}

return { calls: whole.length + 2, open: open.length, byOwner, missing };
