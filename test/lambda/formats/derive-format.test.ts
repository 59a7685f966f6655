import { describe, expect, it } from 'vitest';
import { type FormatName, formatNames } from '../../../lambda/forcing/format.ts';
import { deriveFormat } from '../../../lambda/formats/derive-format.ts';
import { chatTemplateOf } from '../tokenizer/published-tokenizers.ts';

/** What a template of each family has in it, in the order of the published ones. s1 has none of its own. */
const excerpts: Partial<Record<FormatName, string>> = {
  r1: "{{'<｜tool▁calls▁begin｜><｜tool▁sep｜>'}}{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}",
  qwq: "\"name\\\": <function-name>{{ '<|im_start|>' }}{% set content = message.content.split('</think>')[-1] %}{{ '<think>\\n' }}",
  'gpt-oss': "<|start|>system<|message|>{{ '# Valid channels: analysis, commentary, final.' }}<|channel|>analysis",
  'qwen3.5':
    "<function=example_function_name>{% if enable_thinking %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% set last_query_index = 1 %}",
  'deepseek-v3.1':
    "{% if not thinking is defined %}{{'<｜tool▁calls▁begin｜>' + '<｜tool▁sep｜>' + '<｜Assistant｜>' + '<think>'}}",
  'deepseek-v3.2': '<｜DSML｜function_calls>\n<function_results>\n<think>',
  'deepseek-v4': "{% set dsml = '｜DSML｜' %}<think> tool_calls> <tool_result>",
  'glm-4.5': "[gMASK]<sop><|observation|><arg_key>{{ '/nothink' }}<think>",
  'glm-4.7': '[gMASK]<sop><|observation|><arg_key><think>',
  'kimi-k2-thinking': '{% set suffix_msgs = [] %}<|im_middle|><|tool_calls_section_begin|><think></think>',
  'minimax-m2': "{{ ']~!b[' ~ ']~b]system' }}<minimax:tool_call><think>",
  magistral: '[SYSTEM_PROMPT][/SYSTEM_PROMPT][INST][THINK][/THINK]',
  'nemotron-3':
    '<function=example_function_name>{% if truncate_history_thinking and enable_thinking %}<|im_start|><think></think>{% set last_query_index = 1 %}',
};

describe('deriveFormat', () => {
  it.each(Object.entries(excerpts))('derives %s from what its template has', (format, chatTemplate) => {
    expect(deriveFormat({ chatTemplate }).format).toBe(format);
  });

  it('knows every format but s1, which has the template of Qwen2.5', () => {
    const known = new Set<FormatName>(['s1', 'qwen3', ...formatNames.filter((name) => excerpts[name] !== undefined)]);
    expect(known).toEqual(new Set(formatNames));
  });

  it('derives qwen3 from its published template', async () => {
    const derived = deriveFormat({ chatTemplate: await chatTemplateOf('qwen3') });
    expect(derived).toEqual({ format: 'qwen3', because: expect.stringContaining('<|im_start|>') });
  });

  it('finds no format in the published template of DeepSeek-V3, which does not think', async () => {
    const { format, because } = deriveFormat({ chatTemplate: await chatTemplateOf('deepseek_v3') });
    expect(format).toBeUndefined();
    expect(because).toContain('Write the format by its name: s1, r1');
  });

  it.each([
    [undefined, 'The model publishes no chat template.'],
    ['  ', 'The model publishes no chat template.'],
    ['<|im_start|>{{ message.content }}', 'The chat template has no thinking. If the model is s1, write "s1".'],
    ['[|assistant|]<think>', 'The chat template thinks, but in the way of no family that is known here.'],
    [`${excerpts.magistral}${excerpts['minimax-m2']}`, 'The chat template fits minimax-m2 and magistral.'],
  ])('says what to write for the template %j', (chatTemplate, sentence) => {
    const { format, because } = deriveFormat({ chatTemplate });
    expect(format).toBeUndefined();
    expect(because).toContain(sentence);
    expect(because).toContain('Write');
  });

  it('refuses a vocabulary that lacks the delimiters', () => {
    const chatTemplate = excerpts['minimax-m2'];
    const controlTokens = new Set(['<think>', '</think>', '[e~[']);
    expect(deriveFormat({ chatTemplate, controlTokens }).format).toBe('minimax-m2');
    controlTokens.delete('[e~[');
    expect(deriveFormat({ chatTemplate, controlTokens }).because).toContain('the vocabulary lacks [e~[');
  });
});
