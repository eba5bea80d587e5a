"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.named = void 0;
const lazy = require("./lazy");
exports.named = [lazy.lazy, lazy.__esModule, require("../../settings.json").name];
exports.default = "the default";
