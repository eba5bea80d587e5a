// What TypeScript calls `__param`: makes a decorator of a parameter's decorator.
export default function decorateParam(index, decorator) {
  return (target, key) => decorator(target, key, index);
}
