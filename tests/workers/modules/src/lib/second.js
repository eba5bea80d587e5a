const first = require('./first');
exports.seen = Object.keys(first);
exports.name = 'second';
