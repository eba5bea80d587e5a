const { named } = require('./compiled.cjs');
module.exports = {
  a: 1,
  b() {
    return [this.a, named.length, module.exports === this];
  },
};
