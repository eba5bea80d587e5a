exports.name = 'first';
const second = require('./second');
exports.both = () => [second.seen, second.name];
