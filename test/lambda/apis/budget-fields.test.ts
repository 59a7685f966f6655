import { describe, expect, it } from 'vitest';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, eventsOf, scriptedApp, scriptedModel } from '../scripted-world.ts';
import { completionOf, errorOf } from './chat/completion-schema.ts';

const path = '/v1/chat/completions';

describe('a budget of 20 thinking tokens', () => {
  it.each([
    ['Budgetforce', { thinking: { max_tokens: 20 } }],
    ['OpenAI', { reasoning_effort: 'low' }],
    ['Anthropic', { thinking: { type: 'enabled', budget_tokens: 20 } }],
    ['OpenRouter, tokens', { reasoning: { max_tokens: 20 } }],
    ['OpenRouter, effort', { reasoning: { effort: 'low' } }],
    ['Qwen', { enable_thinking: true, thinking_budget: 20 }],
    ['vLLM', { thinking_token_budget: 20, chat_template_kwargs: { enable_thinking: true } }],
    ['a chat template', { chat_template_kwargs: { thinking_budget: 20 } }],
    ['llama.cpp', { reasoning_budget_tokens: 20 }],
    ['llama.cpp, by the other name', { thinking_budget_tokens: 20 }],
    ['Anthropic, effort', { output_config: { effort: 'low' } }],
    ['Anthropic, adaptive with an effort', { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } }],
    ['GLM', { thinking: { type: 'enabled', clear_thinking: false }, reasoning_effort: 'low' }],
    ['a chat template, effort', { chat_template_kwargs: { thinking: true, reasoning_effort: 'low' } }],
    ['NVIDIA', { nvext: { max_thinking_tokens: 20 } }],
    ['Ollama', { think: 'low' }],
    ['Gemini', { generationConfig: { thinkingConfig: { thinkingBudget: 20, includeThoughts: true } } }],
    ['Gemini, level', { generationConfig: { thinkingConfig: { thinkingLevel: 'LOW' } } }],
    ['Gemini, extra_body', { extra_body: { google: { thinking_config: { thinking_budget: 20 } } } }],
    ['Gemini, extra_body, level', { extra_body: { google: { thinking_config: { thinking_level: 'low' } } } }],
    ['Gemini, google', { google: { thinking_config: { thinking_budget: 20 } } }],
    ['Gemini, thinking_config', { thinking_config: { thinking_budget: 20 } }],
    ['two dialects that agree', { thinking: { max_tokens: 20 }, reasoning_effort: 'low' }],
  ])('a maximum of 20 thinking tokens is read from the fields of %s', async (_dialect, fields) => {
    const { app } = scriptedApp([{ says: 'x'.repeat(50) }, { says: 'y', ends: IM_END }]);
    const { budget_forcing } = await completionOf(await app.request(path, chat(fields)));
    expect(budget_forcing).toMatchObject({ thinking_tokens: 20, end_reason: 'budget', limits: { max_tokens: 20 } });
  });
});

describe('a budget of 0 thinking tokens', () => {
  it.each([
    ['Budgetforce', { thinking: { max_tokens: 0 } }],
    ['OpenAI', { reasoning_effort: 'none' }],
    ['Anthropic', { thinking: { type: 'disabled' } }],
    ['OpenRouter', { reasoning: { enabled: false } }],
    ['Qwen', { enable_thinking: false }],
    ['a chat template', { chat_template_kwargs: { enable_thinking: false } }],
    ['DeepSeek’s template', { chat_template_kwargs: { thinking: false } }],
    ['NVIDIA', { nvext: { max_thinking_tokens: 0 } }],
    ['Ollama', { think: false }],
    ['Gemini', { generationConfig: { thinkingConfig: { thinkingBudget: 0 } } }],
    ['Gemini, extra_body', { extra_body: { google: { thinking_config: { thinking_budget: 0 } } } }],
  ])('a maximum of 0 thinking tokens is read from the fields of %s', async (_dialect, fields) => {
    const { app } = scriptedApp([{ says: 'y', ends: IM_END }]);
    const { budget_forcing } = await completionOf(await app.request(path, chat(fields)));
    expect(budget_forcing).toMatchObject({ thinking_tokens: 0, end_reason: 'disabled' });
  });
});

describe('words that leave the maximum to the model', () => {
  it.each([
    { thinking: { type: 'enabled' } },
    { thinking: { type: 'adaptive' } },
    { thinking: { type: 'adaptive', display: 'summarized' } },
    { thinking: { type: 'auto' } },
    { enable_thinking: true },
    { think: true },
    { thinking_budget: -1 },
    { reasoning_budget_tokens: -1 },
    { nvext: { max_thinking_tokens: -1 } },
    { generationConfig: { thinkingConfig: { thinkingBudget: -1 } } },
    { generation_config: { thinking_config: { thinking_level: 'THINKING_LEVEL_UNSPECIFIED' } } },
    { extra_body: { google: { thinking_config: { include_thoughts: true } } } },
  ])('the default applies to %j', async (fields) => {
    const { app } = scriptedApp([
      { says: 'x', ends: IM_START },
      { says: 'y', ends: IM_END },
    ]);
    const { budget_forcing } = await completionOf(await app.request(path, chat(fields)));
    expect(budget_forcing).toMatchObject({ limits: { max_tokens: 200, set_by: { max_tokens: 'default' } } });
  });
});

describe('the effort max', () => {
  const ask = async (
    efforts: Partial<Record<'high' | 'xhigh' | 'max', number>>,
    fields: Readonly<Record<string, unknown>>,
  ) => {
    const script = [
      { says: 'x', ends: IM_START },
      { says: 'y', ends: IM_END },
    ];
    const models = [scriptedModel('scripted', script, { efforts: { none: 0, low: 20, ...efforts } })];
    const { budget_forcing } = await completionOf(
      await scriptedApp(script, { models }).app.request(path, chat(fields)),
    );
    return budget_forcing;
  };
  const limits = (max: number, by: string) => ({ limits: { max_tokens: max, set_by: { max_tokens: by } } });

  it('the effort max means xhigh, the highest effort of a model without xhigh, or what the model configures', async () => {
    const max = { reasoning_effort: 'max' };
    expect(await ask({ high: 100, xhigh: 300 }, max)).toMatchObject(limits(300, 'reasoning_effort'));
    expect(await ask({ high: 100 }, max)).toMatchObject(limits(100, 'reasoning_effort'));
    expect(await ask({ xhigh: 300, max: 400 }, { reasoning: { effort: 'max' } })).toMatchObject(
      limits(400, 'reasoning.effort'),
    );
    expect(await ask({ xhigh: 300 }, { output_config: { effort: 'max' } })).toMatchObject(
      limits(300, 'output_config.effort'),
    );
  });

  it('an effort or a number above the ceiling is lowered to it, and the model set it', async () => {
    expect(await ask({ xhigh: 9_000 }, { reasoning_effort: 'max' })).toMatchObject(limits(1_000, 'model'));
    const budget = { thinking: { type: 'enabled', budget_tokens: 31_999 } };
    expect(await ask({}, budget)).toMatchObject(limits(1_000, 'model'));
  });
});

describe('budget fields that contradict each other', () => {
  it.each([
    [{ thinking: { max_tokens: 20 }, reasoning_effort: 'high' }, 'thinking.max_tokens', 'reasoning_effort'],
    [{ enable_thinking: false, thinking_budget: 20 }, 'enable_thinking', 'thinking_budget'],
    [{ think: false, reasoning_effort: 'low' }, 'think', 'reasoning_effort'],
    [
      { nvext: { max_thinking_tokens: 5 }, thinking: { budget_tokens: 6 } },
      'nvext.max_thinking_tokens',
      'thinking.budget_tokens',
    ],
    [
      { generationConfig: { thinkingConfig: { thinkingBudget: 5, thinkingLevel: 'high' } } },
      'generationConfig.thinkingConfig.thinkingBudget',
      'generationConfig.thinkingConfig.thinkingLevel',
    ],
    [{ reasoning: { effort: 'low', max_tokens: 5 } }, 'reasoning.max_tokens', 'reasoning.effort'],
    [{ thinking: { max_tokens: 0, waits: 2 } }, 'thinking.waits', 'thinking.max_tokens'],
    [{ thinking: { min_tokens: 30 }, max_tokens: 30 }, 'thinking.min_tokens', 'max_tokens'],
  ])('two budget fields that contradict each other are a 400 that names both: %j', async (fields, one, other) => {
    const response = await scriptedApp([]).app.request(path, chat(fields));
    expect(response.status).toBe(400);
    const { message } = await errorOf(response);
    expect(message).toContain(one);
    expect(message).toContain(other);
  });

  it.each([
    [{ thinking: { type: 'maybe' } }, 'thinking'],
    [{ nvext: { guided_json: {} } }, 'nvext.guided_json'],
    [{ generationConfig: { topK: 5 } }, 'generationConfig.topK'],
    [{ think: 'harder' }, 'think'],
    [{ generationConfig: { thinkingConfig: { thinkingLevel: 'huge' } } }, 'thinkingLevel'],
    [{ thinking_config: { thinking_budget: -2 } }, 'thinking_config.thinking_budget'],
    [{ thinking: { type: 'disabled', budget_tokens: 20 } }, 'thinking.budget_tokens'],
    [{ reasoning: { efort: 'low' } }, 'reasoning.efort'],
    [{ chat_template_kwargs: { add_generation_prompt: false } }, 'chat_template_kwargs.add_generation_prompt'],
  ])('an unknown or incomplete budget field is a 400 that names it: %j', async (fields, field) => {
    const response = await scriptedApp([]).app.request(path, chat(fields));
    expect(response.status).toBe(400);
    expect((await errorOf(response)).message).toContain(field);
  });
});

describe('reasoning.exclude', () => {
  it.each([
    { include_reasoning: false },
    { thinking: { type: 'adaptive', display: 'omitted' } },
    { generationConfig: { thinkingConfig: { includeThoughts: false } } },
    { extra_body: { google: { thinking_config: { include_thoughts: false } } } },
  ])('%j leaves thinking out of the response, too', async (fields) => {
    const script = [
      { says: 'secret', ends: IM_START },
      { says: 'open', ends: IM_END },
    ];
    const body = await completionOf(await scriptedApp(script).app.request(path, chat(fields)));
    expect(body.choices[0].message).toMatchObject({ content: 'open', reasoning_content: '' });
  });

  it('reasoning.exclude leaves thinking out of the response, and counts it', async () => {
    const script = [
      { says: 'secret', ends: IM_START },
      { says: 'open', ends: IM_END },
    ];
    const body = await completionOf(
      await scriptedApp(script).app.request(path, chat({ reasoning: { exclude: true } })),
    );
    expect(body.choices[0].message).toMatchObject({ content: 'open', reasoning_content: '' });
    expect(body.usage.completion_tokens_details.reasoning_tokens).toBe(6);
    const events = await eventsOf(
      await scriptedApp(script).app.request(path, chat({ reasoning: { exclude: true }, stream: true })),
    );
    expect(JSON.stringify(events)).not.toContain('reasoning_content');
  });
});
