import type { Format } from '../forcing/format.ts';
import { qwen3 } from './qwen3.ts';

/** QwQ-32B: the template opens the thinking (`<think>\n`); delimiters and forced close as Qwen3's. */
export const qwq: Format = { ...qwen3, name: 'qwq' };
