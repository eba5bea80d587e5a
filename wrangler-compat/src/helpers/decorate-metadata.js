// What TypeScript calls `__metadata`: notes types, if a library with `Reflect.metadata` is loaded.
export default function decorateMetadata(key, value) {
  if (typeof Reflect === "object" && typeof Reflect.metadata === "function") return Reflect.metadata(key, value);
}
