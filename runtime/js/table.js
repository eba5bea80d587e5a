// console.table: rows and columns as plain text.

const {
  ArrayPrototypeIndexOf,
  ArrayPrototypePush,
  MapPrototypeForEach,
  MathMax,
  ReflectOwnKeys,
  SetPrototypeForEach,
  StringPrototypePadEnd,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  StringPrototypeTrimEnd,
} = isolet.primordials;

isolet.lazy([], ["tableText"], (host) => {
  const { natives, inspect } = isolet;
  const { isObject, iterate, list, own } = isolet.idl;

  const ROWS = 100;
  const COLUMNS = 20;
  const CELL = 60;
  const INDEX = "(index)",
    VALUES = "Values";

  const cell = (value) => StringPrototypeSlice(inspect(value, true), 0, CELL);

  // Own properties that console.log would show, as visit(key, descriptor).
  function fields(value, visit) {
    const keys = ReflectOwnKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const descriptor = typeof keys[i] === "string" ? own(value, keys[i]) : undefined;
      if (descriptor?.enumerable) visit(keys[i], descriptor.value);
    }
  }

  // The text for `data`; `only`: the columns to show.
  host.tableText = (data, only) => {
    if (!isObject(data)) return inspect(data, true);
    const chosen = list();
    if (only !== undefined)
      iterate(only, "The columns of console.table", (name) => ArrayPrototypePush(chosen, `${name}`));

    const columns = list();
    const rows = list();
    let left = 0;
    const row = (index, value) => {
      if (rows.length >= ROWS) {
        left++;
        return;
      }
      const cells = { __proto__: null };
      ArrayPrototypePush(rows, { __proto__: null, index: cell(index), cells });
      const set = (name, item) => {
        if (chosen.length > 0 && ArrayPrototypeIndexOf(chosen, name) === -1) return;
        if (ArrayPrototypeIndexOf(columns, name) === -1) {
          if (columns.length >= COLUMNS) return;
          ArrayPrototypePush(columns, name);
        }
        cells[name] = cell(item);
      };
      if (isObject(value) && typeof value !== "function") fields(value, set);
      else set(VALUES, value);
    };
    const kind = natives.kind(data);
    if (kind === ValueKind.Map) MapPrototypeForEach(data, (value, key) => row(key, value));
    else if (kind === ValueKind.Set) {
      let index = 0;
      SetPrototypeForEach(data, (value) => row(index++, value));
    } else fields(data, row);

    let text = "";
    const lines = list();
    for (let i = 0; i <= rows.length + 1; i++) ArrayPrototypePush(lines, "");
    for (let c = -1; c < columns.length; c++) {
      const name = c === -1 ? INDEX : columns[c];
      const at = (i) => (c === -1 ? rows[i].index : (rows[i].cells[name] ?? ""));
      const title = StringPrototypeSlice(name, 0, CELL);
      let width = title.length;
      for (let i = 0; i < rows.length; i++) width = MathMax(width, at(i).length);
      const put = (line, content) => {
        lines[line] += (c === -1 ? "" : " | ") + StringPrototypePadEnd(content, width);
      };
      put(0, title);
      lines[1] += (c === -1 ? "" : "-|-") + StringPrototypeRepeat("-", width);
      for (let i = 0; i < rows.length; i++) put(i + 2, at(i));
    }
    for (let i = 0; i < lines.length; i++) text += (i === 0 ? "" : "\n") + StringPrototypeTrimEnd(lines[i]);
    return left > 0 ? `${text}\n… ${left} more rows` : text;
  };
});
