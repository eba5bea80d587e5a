import { both } from './lib/first';
export const cycle = () => both();
