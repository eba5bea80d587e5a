export enum Kind {
  Square,
  Circle,
}
export interface Circle {
  kind: Kind.Circle;
  radius: number;
}
export type Shape = Circle | { kind: Kind.Square; side: number };
export function area(shape: Shape): number {
  switch (shape.kind) {
    case Kind.Circle:
      return Math.PI * shape.radius ** 2;
    default:
      return shape.side ** 2;
  }
}
export { area as default };
