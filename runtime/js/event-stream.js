// The format text/event-stream, by the HTML standard.

const { RegExpPrototypeExec, StringPrototypeCharCodeAt, StringPrototypeIndexOf, StringPrototypeSlice } =
  isolet.primordials;

isolet.lazy([], ["eventStream"], (host) => {
  const LF = 0x0a;
  const CR = 0x0d;
  const digits = /^[0-9]+$/;

  // Returns a function that takes the text of a stream in pieces. `dispatch(type, data)` is called
  // for each event. `state` has lastEventId and the reconnection time in milliseconds, and is
  // updated.
  /** @type {LazyInternals["eventStream"]} */
  host.eventStream = (state, dispatch) => {
    // The part of a line that has come, and whether a line feed now belongs to the line before.
    let rest = "";
    let afterReturn = false;
    let data;
    let type = "";
    let id = state.lastEventId;

    function end() {
      state.lastEventId = id;
      const event = type === "" ? "message" : type;
      const text = data;
      data = undefined;
      type = "";
      if (text !== undefined) dispatch(event, text);
    }

    function take(line) {
      if (line === "") {
        end();
        return;
      }
      const colon = StringPrototypeIndexOf(line, ":");
      if (colon === 0) return;
      const field = colon === -1 ? line : StringPrototypeSlice(line, 0, colon);
      let value = colon === -1 ? "" : StringPrototypeSlice(line, colon + 1);
      if (value[0] === " ") value = StringPrototypeSlice(value, 1);
      if (field === "data") data = data === undefined ? value : `${data}\n${value}`;
      else if (field === "event") type = value;
      else if (field === "id" && StringPrototypeIndexOf(value, "\0") === -1) id = value;
      else if (field === "retry" && RegExpPrototypeExec(digits, value) !== null) state.retry = +value;
    }

    return (text) => {
      let from = 0;
      for (let at = 0; at < text.length; at++) {
        const code = StringPrototypeCharCodeAt(text, at);
        if (code === LF && afterReturn) {
          from = at + 1;
          afterReturn = false;
          continue;
        }
        afterReturn = code === CR;
        if (code !== LF && code !== CR) continue;
        const line = rest + StringPrototypeSlice(text, from, at);
        rest = "";
        from = at + 1;
        take(line);
      }
      rest += StringPrototypeSlice(text, from);
    };
  };
});
