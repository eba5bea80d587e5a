// Checks what a server returned with zod before another tool gets it.
import { z } from "zod";

const Records = z.object({
  records: z.array(z.object({ id: z.string().min(1), account: z.string() })).min(1),
});

export default async () => {
  const { records } = Records.parse(await env.crm.search_records({ query: "Halden" }));
  return records.map((record) => `${record.account} (${record.id})`);
};
