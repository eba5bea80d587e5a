exports.compile = (text) => new Function("x", `return ${text}`);
