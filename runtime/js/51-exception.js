// DOMException: what Web APIs throw where no error of the language fits.

const { Error, ObjectDefineProperty } = isolet.primordials;
const { define, string } = isolet.idl;

// Numbers from before exceptions had names. Index is the code; holes are codes that no exception uses any more.
const codes = [
  , "IndexSizeError", , "HierarchyRequestError", "WrongDocumentError", "InvalidCharacterError", , "NoModificationAllowedError",
  "NotFoundError", "NotSupportedError", "InUseAttributeError", "InvalidStateError", "SyntaxError", "InvalidModificationError",
  "NamespaceError", "InvalidAccessError", , "TypeMismatchError", "SecurityError", "NetworkError", "AbortError", "URLMismatchError",
  "QuotaExceededError", "TimeoutError", "InvalidNodeTypeError", "DataCloneError",
];
const codeOf = { __proto__: null };

class DOMException extends Error {
  #name;
  constructor(message = "", name = "Error") {
    // The message is an own property as of every error, since V8 writes the head of `stack` from that.
    super(string(message));
    if (typeof name === "object" && name !== null) {
      // { name, cause }, as in Node.js.
      if (name.cause !== undefined) isolet.hide(this, "cause", name.cause);
      name = name.name ?? "Error";
    }
    this.#name = string(name);
  }
  get name() { return this.#name; }
  get code() { return codeOf[this.#name] ?? 0; }
}
define(DOMException);
for (const [code, name] of codes.entries()) {
  if (name === undefined) continue;
  codeOf[name] = code;
  const constant = name.replace(/Error$/, "").replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase().replace("IN_USE", "INUSE") + "_ERR";
  for (const object of [DOMException, DOMException.prototype]) {
    ObjectDefineProperty(object, constant, { __proto__: null, value: code, enumerable: true });
  }
}

isolet.DOMException = DOMException;
isolet.expose({ DOMException });
