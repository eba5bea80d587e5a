export interface Bindings {
  MARK: string;
}
export const greet = (name: string, mark: string) => `Hello ${name}${mark}`;
