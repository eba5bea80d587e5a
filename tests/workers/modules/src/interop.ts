import compiledDefault, { named } from './lib/compiled.cjs';
import all from './lib/whole';
import * as space from './lib/whole';

export const compiled = [compiledDefault, named];
export const whole = [all.b(), space.a, space.default.a, typeof (space as Record<string, unknown>).none];
export class Plain {
  static value = 1;
}
