import type { FormatName } from '../../../lambda/forcing/format.ts';
import type { TokenizerJson } from '../../../lambda/tokenizer/tokenizer-json.ts';
import {
  deepSeekV4,
  glm,
  gptOss,
  kimi,
  miniMax,
  mistral,
  nemotron,
  qwen,
  qwen35,
  r1,
} from '../tokenizer/published-tokenizers.ts';

/** A vocabulary for each format. */
export const tokenizers = {
  s1: qwen,
  r1,
  qwq: qwen,
  qwen3: qwen,
  'gpt-oss': gptOss,
  'qwen3.5': qwen35,
  'deepseek-v3.1': deepSeekV4,
  'deepseek-v3.2': deepSeekV4,
  'deepseek-v4': deepSeekV4,
  'glm-4.5': glm,
  'glm-4.7': glm,
  'kimi-k2-thinking': kimi,
  'minimax-m2': miniMax,
  magistral: mistral,
  'nemotron-3': nemotron,
} as const satisfies Record<FormatName, TokenizerJson>;

/** Delimiters of thinking and answer as the transcripts write them. */
export const CONTROL = /(<\|[a-z_]+\|>|<\/?think>|<｜[^｜]*｜>|\[\/?THINK\]|<\/s>|\[e~\[)/;
