import type { Format, FormatName } from '../forcing/format.ts';
import { deepSeekV4, deepSeekV31, deepSeekV32 } from './deepseek-v3.ts';
import { glm45, glm47 } from './glm.ts';
import { gptOss } from './gpt-oss.ts';
import { kimiK2Thinking } from './kimi-k2.ts';
import { magistral } from './magistral.ts';
import { miniMaxM2 } from './minimax-m2.ts';
import { nemotron3 } from './nemotron3.ts';
import { qwen3 } from './qwen3.ts';
import { qwen35 } from './qwen3-5.ts';
import { qwq } from './qwq.ts';
import { r1 } from './r1.ts';
import { s1 } from './s1.ts';

/** All formats, by their names in the config. docs/formats.md explains how to add one. */
export const formats: Readonly<Record<FormatName, Format>> = {
  s1,
  r1,
  qwq,
  qwen3,
  'gpt-oss': gptOss,
  'qwen3.5': qwen35,
  'deepseek-v3.1': deepSeekV31,
  'deepseek-v3.2': deepSeekV32,
  'deepseek-v4': deepSeekV4,
  'glm-4.5': glm45,
  'glm-4.7': glm47,
  'kimi-k2-thinking': kimiK2Thinking,
  'minimax-m2': miniMaxM2,
  magistral,
  'nemotron-3': nemotron3,
};
