export enum Level {
  Low,
  High = 'high',
}
export class Point {
  constructor(
    private readonly x: number,
    public y: number,
  ) {}
  sum() {
    return this.x + this.y;
  }
}
export namespace Shape {
  export const round = true;
}
export type Only = string;
