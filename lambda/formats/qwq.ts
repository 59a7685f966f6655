import type { Format } from '../forcing/format.ts';
import { qwen3 } from './qwen3.ts';

/** QwQ-32B. The template opens the thinking (`<think>\n`); delimiters and the text of a cut are those of Qwen3. */
export const qwq: Format = { ...qwen3, name: 'qwq' };
