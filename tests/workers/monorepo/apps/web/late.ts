export const late = import.meta.url === undefined ? "no url" : "late";
