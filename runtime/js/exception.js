// DOMException: what Web APIs throw where no error of the language fits.

const { Error, ObjectDefineProperty } = isolet.primordials;

isolet.lazy(["DOMException"], ["DOMException"], (host) => {
  const { define, string } = isolet.idl;

  // Numbers from before exceptions had names, in order: the name and the constant of each. Where
  // the name is empty, only the constant is left.
  const codes = [
    "",
    "",
    "IndexSizeError",
    "INDEX_SIZE_ERR",
    "",
    "DOMSTRING_SIZE_ERR",
    "HierarchyRequestError",
    "HIERARCHY_REQUEST_ERR",
    "WrongDocumentError",
    "WRONG_DOCUMENT_ERR",
    "InvalidCharacterError",
    "INVALID_CHARACTER_ERR",
    "",
    "NO_DATA_ALLOWED_ERR",
    "NoModificationAllowedError",
    "NO_MODIFICATION_ALLOWED_ERR",
    "NotFoundError",
    "NOT_FOUND_ERR",
    "NotSupportedError",
    "NOT_SUPPORTED_ERR",
    "InUseAttributeError",
    "INUSE_ATTRIBUTE_ERR",
    "InvalidStateError",
    "INVALID_STATE_ERR",
    "SyntaxError",
    "SYNTAX_ERR",
    "InvalidModificationError",
    "INVALID_MODIFICATION_ERR",
    "NamespaceError",
    "NAMESPACE_ERR",
    "InvalidAccessError",
    "INVALID_ACCESS_ERR",
    "",
    "VALIDATION_ERR",
    "TypeMismatchError",
    "TYPE_MISMATCH_ERR",
    "SecurityError",
    "SECURITY_ERR",
    "NetworkError",
    "NETWORK_ERR",
    "AbortError",
    "ABORT_ERR",
    "URLMismatchError",
    "URL_MISMATCH_ERR",
    "QuotaExceededError",
    "QUOTA_EXCEEDED_ERR",
    "TimeoutError",
    "TIMEOUT_ERR",
    "InvalidNodeTypeError",
    "INVALID_NODE_TYPE_ERR",
    "DataCloneError",
    "DATA_CLONE_ERR",
  ];
  const codeOf = { __proto__: null };

  class DOMException extends Error {
    #name;
    /** @param {ScriptValue} [message] @param {ScriptValue} [name] */
    constructor(message = "", name = "Error") {
      // The message is an own property as of every error, since V8 writes the head of `stack` from
      // that.
      super(string(message));
      if (typeof name === "object" && name !== null) {
        // { name, cause }, as in Node.js.
        if (name.cause !== undefined) isolet.hide(this, "cause", name.cause);
        name = name.name ?? "Error";
      }
      this.#name = string(name);
    }
    get name() {
      return this.#name;
    }
    get code() {
      return codeOf[this.#name] ?? 0;
    }
  }
  define(DOMException);
  for (let code = 1; code < codes.length / 2; code++) {
    const name = codes[2 * code];
    if (name !== "") codeOf[name] = code;
    const constant = { __proto__: null, value: code, enumerable: true };
    ObjectDefineProperty(DOMException, codes[2 * code + 1], constant);
    ObjectDefineProperty(DOMException.prototype, codes[2 * code + 1], constant);
  }

  host.DOMException = DOMException;
  return { DOMException };
});
