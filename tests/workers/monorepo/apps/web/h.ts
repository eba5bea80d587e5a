export const Fragment = 'fragment';
export const h = (tag: string, props: Record<string, unknown> | null, ...children: unknown[]) => ({ tag, ...props, children: children.flat() });
