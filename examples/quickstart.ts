// Copies a two-hour transcript from one server into a customer record of another. Only the returned
// lines come back: the text itself never passes through a model.
const { documents } = await env.demo.list_documents({ kind: "transcript" });
const transcript = await env.demo.get_document({ id: documents[0].id });

const { records } = await env.crm.search_records({ query: "Halden" });
const { record } = await env.crm.update_record({
  id: records[0].id,
  fields: { notes: transcript.content, tags: ["transcript"] },
});

const marked = (word: string) =>
  transcript.content.split("\n").filter((line) => line.includes(`: ${word}: `)).map((line) => line.split(`${word}: `)[1]);

return {
  document: transcript.title,
  record: `${record.account} (${record.id}), revision ${record.revision}`,
  characters: record.notes.length,
  decisions: marked("Decision"),
  actions: marked("Action").length,
};
