// Worker loaders, such as `env.LOADER`: Workers whose code another Worker gives.

const {
  ArrayIsArray,
  ArrayPrototypePush,
  JSONStringify,
  ObjectDefineProperty,
  ObjectPrototypeHasOwnProperty,
  Promise,
  PromisePrototypeThen,
  RangeError,
  ReflectOwnKeys,
  StringPrototypeEndsWith,
  SymbolDispose,
  TypeError,
} = isolet.primordials;

isolet.lazy([], ["loaders"], (host) => {
  const { natives } = isolet;
  const { define, dictionary, integer, isObject, list, need, string, usv, view } = isolet.idl;

  const token = {};
  // The number of Workers that are kept by their ids. `MAX_LOADED_WORKERS` in
  // src/worker/loaded.rs is more.
  const MAX_KEPT = 16;
  const MOST = 4294967295;

  // The kinds of modules, by the property that has the content.
  const kinds = {
    __proto__: null,
    js: CodeKind.EsModule,
    cjs: CodeKind.CommonJs,
    text: CodeKind.Text,
    data: CodeKind.Data,
    json: CodeKind.Json,
    wasm: CodeKind.Wasm,
  };

  class WorkerLoader {
    // The numbers of loaded Workers by their ids, the one that was used last at the end.
    #kept = list();

    constructor(key) {
      if (key !== token) throw new TypeError("Illegal constructor: a WorkerLoader is a binding in env.");
    }

    /** @param {ScriptValue} code */
    load(code) {
      const kept = this.#kept;
      need(arguments.length, 1, "load");
      const parts = partsOf(code);
      return stubOf(kept, true, (number) => {
        try {
          sendCode(number, parts);
        } catch (refused) {
          natives.unload(number);
          throw refused;
        }
      });
    }

    /** @param {ScriptValue} id @param {ScriptValue} callback */
    get(id, callback) {
      const kept = this.#kept;
      need(arguments.length, 2, "get");
      if (typeof callback !== "function")
        throw new TypeError("The second argument of get() must be a function that returns the code of the Worker.");
      if (id === null || id === undefined) return stubOf(kept, true, (number) => give(number, callback, () => {}));
      const name = string(id);
      const known = take(kept, name);
      if (known !== undefined) {
        ArrayPrototypePush(kept, known);
        return new WorkerStub(token, known.number);
      }
      return stubOf(kept, false, (number) => {
        const entry = { __proto__: null, name, number };
        ArrayPrototypePush(kept, entry);
        if (kept.length > MAX_KEPT) natives.unload(take(kept, kept[0].name).number);
        // The next one who asks tries again.
        give(number, callback, () => {
          if (take(kept, name, number) !== undefined) natives.unload(number);
        });
      });
    }
  }
  define(WorkerLoader);

  // Removes an entry from the list, and returns it.
  function take(kept, name, number = undefined) {
    let found;
    let to = 0;
    for (let from = 0; from < kept.length; from++) {
      const entry = kept[from];
      if (entry.name === name && (number === undefined || entry.number === number)) found = entry;
      else kept[to++] = entry;
    }
    kept.length = to;
    return found;
  }

  function stubOf(kept, endsWithRequest, send) {
    let number = natives.beginLoad(endsWithRequest);
    // Those that are kept make room.
    if (typeof number !== "number" && kept.length > 0) {
      natives.unload(take(kept, kept[0].name).number);
      number = natives.beginLoad(endsWithRequest);
    }
    if (typeof number !== "number") throw new RangeError(number);
    send(number);
    return new WorkerStub(token, number);
  }

  function sendCode(number, { head, contents }) {
    const refused = natives.sendCode(number, head, contents);
    if (refused !== undefined) throw new RangeError(refused);
  }

  // The Workers whose code is asked for, by number: the request that asks, and what to do without
  // the code.
  const asked = { __proto__: null };

  // Asks for the code of a Worker, and gives it.
  function give(number, callback, failed) {
    asked[number] = { __proto__: null, request: natives.request(), failed };
    PromisePrototypeThen(
      PromisePrototypeThen(new Promise((resolve) => resolve(callback())), (code) => {
        if (asked[number] === undefined) return;
        sendCode(number, partsOf(code));
        delete asked[number];
      }),
      undefined,
      (thrown) => {
        const { name, message } = isolet.describe(thrown);
        fail(number, name, message);
      },
    );
  }

  function fail(number, name, message) {
    const entry = asked[number];
    if (entry === undefined) return;
    delete asked[number];
    natives.failCode(number, name, message);
    entry.failed();
  }

  // What a request waits for ends with it, so that its callbacks may never give the code.
  function end(request) {
    for (const number in asked)
      if (asked[number].request === request)
        fail(number, "Error", "The request that was to give the code of this Worker has ended.");
  }

  class WorkerStub {
    #number;

    constructor(key, number) {
      if (key !== token) throw new TypeError("Illegal constructor: a WorkerStub comes from a WorkerLoader.");
      this.#number = number;
    }

    /** @param {ScriptValue} [name] @param {ScriptValue} [options] */
    getEntrypoint(name = undefined, options = undefined) {
      const number = this.#number;
      const { props } = dictionary(options, "The second argument of getEntrypoint");
      if (props !== undefined && !isObject(props)) throw new TypeError("`props` of getEntrypoint() must be an object.");
      const propsText = props === undefined ? "" : isolet.toJSONText(props, "`props` of getEntrypoint()");
      const entrypoint = name === undefined || name === null || name === "default" ? "" : usv(name);
      return isolet.fetchers.to(
        `{"Loaded":{"worker":${number},"entrypoint":{"name":${JSONStringify(entrypoint)},"props":${JSONStringify(propsText)}}}}`,
        "The entrypoint of a loaded Worker",
      );
    }

    getDurableObjectClass() {
      this.#number;
      throw new isolet.DOMException("isolet has no Durable Objects.", "NotSupportedError");
    }

    // Nothing depends on it: what a request has loaded ends with the request.
    [SymbolDispose]() {
      this.#number;
    }
  }
  define(WorkerStub);

  // The code of a Worker as the host takes it: a head as JSON text, and the contents of the
  // modules.
  function partsOf(code) {
    if (!isObject(code)) throw new TypeError("The code of a Worker must be an object with `mainModule` and `modules`.");
    const { compatibilityDate, compatibilityFlags, mainModule, modules, env, globalOutbound, tails, limits } = code;
    if (typeof mainModule !== "string") throw new TypeError("`mainModule` must be the name of a module.");
    if (typeof compatibilityDate !== "string")
      throw new TypeError('`compatibilityDate` must be a date such as "2026-01-01".');
    if (!isObject(modules)) throw new TypeError("`modules` must be an object with the modules by their names.");
    if (tails !== undefined && tails !== null && tails.length !== 0)
      throw new TypeError("isolet has no `tails`: read what the Worker returns, or pass it a binding to report to.");
    const contents = list();
    let moduleText = "";
    const names = ReflectOwnKeys(modules);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (typeof name !== "string") continue;
      const { kind, content } = moduleOf(name, modules[name]);
      ArrayPrototypePush(contents, content);
      moduleText += `${moduleText === "" ? "" : ","}[${JSONStringify(name)},${kind}]`;
    }
    if (!ObjectPrototypeHasOwnProperty(modules, mainModule))
      throw new TypeError(
        `\`mainModule\` is ${isolet.inspect(mainModule)}, and there is no such module in \`modules\`.`,
      );
    const { vars, bindings } = environmentOf(env);
    const { cpuMs, subRequests } = dictionary(limits, "`limits`");
    const head =
      `{"main":${JSONStringify(mainModule)},"modules":[${moduleText}],"date":${JSONStringify(compatibilityDate)}` +
      `,"flags":[${flagsOf(compatibilityFlags)}],"vars":${JSONStringify(vars)},"bindings":[${bindings}]` +
      `,"outbound":${outboundOf(globalOutbound)},"cpu_ms":${limitOf(cpuMs, "cpuMs")}` +
      `,"subrequests":${limitOf(subRequests, "subRequests")}}`;
    return { __proto__: null, head, contents };
  }

  const limitOf = (value, name) => (value === undefined ? "null" : `${integer(value, 1, MOST, `\`limits.${name}\``)}`);

  function flagsOf(flags) {
    if (flags === undefined || flags === null) return "";
    let text = "";
    isolet.idl.iterate(flags, "`compatibilityFlags`", (flag) => {
      text += `${text === "" ? "" : ","}${JSONStringify(string(flag))}`;
    });
    return text;
  }

  function moduleOf(name, value) {
    if (typeof value === "string") {
      if (StringPrototypeEndsWith(name, ".js")) return { __proto__: null, kind: CodeKind.EsModule, content: value };
      if (StringPrototypeEndsWith(name, ".py")) throw noPython(name);
      throw new TypeError(
        `The module ${isolet.inspect(name)} is a text, and its name does not end with ".js". Say what it is: { text: "…" }, { cjs: "…" } or { js: "…" }.`,
      );
    }
    if (!isObject(value) || ArrayIsArray(value))
      throw new TypeError(`The module ${isolet.inspect(name)} must be a text or an object such as { js: "…" }.`);
    if (value.py !== undefined) throw noPython(name);
    let found;
    for (const kind in kinds) {
      if (value[kind] === undefined) continue;
      if (found !== undefined)
        throw new TypeError(`The module ${isolet.inspect(name)} has both \`${found}\` and \`${kind}\`.`);
      found = kind;
    }
    if (found === undefined)
      throw new TypeError(
        `The module ${isolet.inspect(name)} must have one of \`js\`, \`cjs\`, \`text\`, \`data\`, \`json\` and \`wasm\`.`,
      );
    const content = value[found];
    if (found === "json")
      return { __proto__: null, kind: kinds.json, content: isolet.toJSONText(content, `The module ${name}`) ?? "null" };
    if (found === "data" || found === "wasm")
      return { __proto__: null, kind: kinds[found], content: view(content, `The module ${name}`) };
    if (typeof content !== "string")
      throw new TypeError(`\`${found}\` of the module ${isolet.inspect(name)} must be a text.`);
    return { __proto__: null, kind: kinds[found], content };
  }

  const noPython = (name) =>
    new TypeError(`The module ${isolet.inspect(name)} is Python, which isolet does not run. Write it in JavaScript.`);

  // The variables as JSON text, and the bindings of other Workers.
  function environmentOf(env) {
    const vars = {};
    let bindings = "";
    if (env !== undefined && env !== null) {
      if (!isObject(env)) throw new TypeError("`env` must be an object.");
      const names = ReflectOwnKeys(env);
      for (let i = 0; i < names.length; i++) {
        const name = names[i];
        if (typeof name !== "string") continue;
        const target = isolet.fetchers.targetOf(env[name]);
        if (target === undefined)
          ObjectDefineProperty(vars, name, {
            __proto__: null,
            value: env[name],
            enumerable: true,
            configurable: true,
            writable: true,
          });
        else bindings += `${bindings === "" ? "" : ","}[${JSONStringify(name)},${target}]`;
      }
    }
    return { __proto__: null, vars: isolet.toJSONText(vars, "`env` of a loaded Worker") ?? "{}", bindings };
  }

  function outboundOf(outbound) {
    if (outbound === undefined) return '"Inherited"';
    if (outbound === null) return '"None"';
    const target = isolet.fetchers.targetOf(outbound);
    if (target === undefined)
      throw new TypeError("`globalOutbound` must be null or a binding of a Worker, such as a service binding.");
    return `{"To":${target}}`;
  }

  host.loaders = { __proto__: null, make: () => new WorkerLoader(token), end };
});
