// node:sys
"use strict";

module.exports = require("util");
