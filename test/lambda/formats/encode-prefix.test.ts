import { describe, expect, it } from 'vitest';
import { type FormatName, formatNames, type PromptPart } from '../../../lambda/forcing/format.ts';
import { encodeParts } from '../../../lambda/formats/encode-format.ts';
import { encodePrefix } from '../../../lambda/formats/encode-prefix.ts';
import { formats } from '../../../lambda/formats/index.ts';
import { transcripts } from '../forcing/fixtures/transcripts.ts';
import { CONTROL, tokenizers } from './family-tokenizers.ts';

/** The ids of an output that is written with its control tokens. */
async function idsOf(output: string, format: FormatName): Promise<number[]> {
  const parts = output
    .split(CONTROL)
    .filter((piece) => piece !== '')
    .map((piece): PromptPart => (CONTROL.test(piece) ? { control: piece } : { text: piece }));
  return await encodeParts(parts, tokenizers[format]);
}

/** What each family samples around a thought "It is 4." and an answer "Four". */
const outputs = {
  s1: {
    both: '<|im_start|>think\nIt is 4.\n<|im_start|>answer\nFour',
    answer: '<|im_start|>think\n<|im_start|>answer\nFour',
  },
  r1: { both: '<think>\nIt is 4.\n</think>\n\nFour', answer: '<think>\n\n</think>\n\nFour' },
  qwq: { both: '<think>\nIt is 4.\n</think>\n\nFour', answer: '<think>\n\n</think>\n\nFour' },
  qwen3: { both: '<think>\nIt is 4.\n</think>\n\nFour', answer: '<think>\n\n</think>\n\nFour' },
  'gpt-oss': {
    both: '<|channel|>analysis<|message|>It is 4.<|end|><|start|>assistant<|channel|>final<|message|>Four',
    answer: '<|channel|>final<|message|>Four',
  },
  'qwen3.5': { both: '<think>\nIt is 4.\n</think>\n\nFour', answer: '<think>\n\n</think>\n\nFour' },
  'deepseek-v3.1': { both: '<think>It is 4.</think>Four', answer: '</think>Four' },
  'deepseek-v3.2': { both: '<think>It is 4.</think>Four', answer: '</think>Four' },
  'deepseek-v4': { both: '<think>It is 4.</think>Four', answer: '</think>Four' },
  'glm-4.5': { both: '\n<think>It is 4.</think>\nFour', answer: '\n<think></think>\nFour' },
  'glm-4.7': { both: '<think>It is 4.</think>Four', answer: '</think>Four' },
  'kimi-k2-thinking': { both: '<think>It is 4.</think>Four', answer: '<think></think>Four' },
  'minimax-m2': { both: '<think>\nIt is 4.\n</think>\n\nFour', answer: '<think>\n\n</think>\n\nFour' },
  magistral: { both: '[THINK]It is 4.[/THINK]Four', answer: 'Four' },
  'nemotron-3': { both: '<think>\nIt is 4.\n</think>\nFour', answer: '<think></think>Four' },
} as const satisfies Record<FormatName, unknown>;

describe.each(formatNames)('the given beginning of an output in %s', (name) => {
  const prefixOf = async (prefix: Parameters<typeof encodePrefix>[1]) =>
    await encodePrefix(formats[name], prefix, tokenizers[name]);

  it(`${name} writes a given thought and answer as the model does`, async () => {
    expect(await prefixOf({ thinking: 'It is 4.', answer: 'Four' })).toEqual(await idsOf(outputs[name].both, name));
  });

  it(`${name} skips the thinking before a given answer as at a maximum of 0`, async () => {
    expect(await prefixOf({ answer: 'Four' })).toEqual(await idsOf(outputs[name].answer, name));
  });

  it(`${name} begins a given thought with the same ids as its sampled outputs`, async () => {
    for (const { format, output, thinking } of transcripts) {
      if (format !== name || thinking === '') continue;
      const words = thinking.slice(0, thinking.lastIndexOf(' '));
      const ids = await prefixOf({ thinking: words });
      expect(ids).toEqual((await idsOf(output, name)).slice(0, ids.length));
    }
  });

  it(`${name} gives no ids for an empty beginning`, async () => {
    expect(await prefixOf({})).toEqual([]);
    expect(await prefixOf({ thinking: '', answer: '' })).toEqual([]);
  });
});
