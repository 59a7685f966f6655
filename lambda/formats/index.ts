import type { Format, FormatName } from '../forcing/format.ts';
import { gptOss } from './gpt-oss.ts';
import { qwen3 } from './qwen3.ts';
import { qwq } from './qwq.ts';
import { r1 } from './r1.ts';
import { s1 } from './s1.ts';

/** All formats, by their names in the config. docs/formats.md explains how to add one. */
export const formats: Readonly<Record<FormatName, Format>> = { s1, r1, qwq, qwen3, 'gpt-oss': gptOss };
