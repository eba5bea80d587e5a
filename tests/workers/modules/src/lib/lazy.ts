export const lazy = 'lazy' as const;
export default lazy;
