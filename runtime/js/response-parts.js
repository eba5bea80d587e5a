// What a Worker's fetch returned: checked, and as the result of a run.

const { ArrayPrototypePush, JSONParse, StringPrototypeEndsWith, StringPrototypeSlice, TypeError } = isolet.primordials;

isolet.lazy([], ["responseFields", "responseValue", "web"], (host) => {
  const { natives, bodies, headers: Heads, responses } = isolet;
  const { list } = isolet.idl;

  // The fields of what fetch returned, which must be a Response.
  function fieldsOf(response) {
    if (!responses.is(response)) {
      const found = response === undefined ? "nothing" : isolet.inspect(response);
      throw isolet.withHint(
        new TypeError(
          `fetch must return a Response, but returned ${found.length > 200 ? `${StringPrototypeSlice(found, 0, 200)}…` : found}.`,
        ),
        "Return a Response: new Response(text), or Response.json(value).",
      );
    }
    const fields = responses.fields(response);
    if (fields.status === 0) {
      throw isolet.withHint(
        new TypeError("fetch returned Response.error(), which stands for a network error."),
        'Return a Response with a status: new Response("…", { status: 502 }).',
      );
    }
    return fields;
  }

  // { status, headers: { name: value }, body }: the result of a module Worker that is run once. The
  // body is the parsed value if its type is JSON and it parses, else a string; bytes that are not
  // valid UTF-8 are base64, and `encoding` is "base64". No body is null. Values of a repeated
  // header are joined by commas, those of set-cookie are an array.
  host.responseValue = async (response) => {
    const { status, headers, body } = fieldsOf(response);
    const named = { __proto__: null };
    const pairs = Heads.combined(headers);
    for (let i = 0; i < pairs.length; i++) {
      const { key, value } = pairs[i];
      if (key !== "set-cookie") named[key] = value;
      else ArrayPrototypePush((named[key] ??= list()), value);
    }
    /** @type {ResponseValue} */
    const result = { __proto__: null, status, headers: named, body: null };
    if (body === undefined) return result;
    let content = await bodies.take(body, "response");
    if (typeof content !== "string") {
      const text = natives.decode("utf-8", content, true, false);
      if (text === 0) {
        result.body = isolet.toBase64(content);
        result.encoding = "base64";
        return result;
      }
      content = text ?? isolet.utf8.decode(content);
    }
    result.body = content;
    const type = bodies.essence(Heads.get(headers, "content-type") ?? "");
    if (type === "application/json" || StringPrototypeEndsWith(type, "+json")) {
      try {
        result.body = JSONParse(content);
      } catch {
        /* it says JSON and is not: the text is what there is */
      }
    }
    return result;
  };

  host.responseFields = fieldsOf;
  host.web = { __proto__: null, Request: isolet.Request, Response: isolet.Response, Headers: isolet.Headers };
});
