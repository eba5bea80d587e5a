// What TypeScript calls `__decorate`: applies decorators of the kind before TypeScript 5.
export default function decorate(decorators, target, key, description) {
  const isClass = arguments.length < 3;
  let result = isClass ? target : description === null ? Object.getOwnPropertyDescriptor(target, key) : description;
  for (let index = decorators.length - 1; index >= 0; index--) {
    const decorator = decorators[index];
    if (decorator) result = (isClass ? decorator(result) : decorator(target, key, result)) || result;
  }
  if (!isClass && result) Object.defineProperty(target, key, result);
  return result;
}
