import { describe, expect, it } from 'vitest';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, eventsOf, scriptedApp } from '../scripted-world.ts';
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
  ])('a maximum of 0 thinking tokens is read from the fields of %s', async (_dialect, fields) => {
    const { app } = scriptedApp([{ says: 'y', ends: IM_END }]);
    const { budget_forcing } = await completionOf(await app.request(path, chat(fields)));
    expect(budget_forcing).toMatchObject({ thinking_tokens: 0, end_reason: 'disabled' });
  });
});

describe('budget fields that contradict each other', () => {
  it.each([
    [{ thinking: { max_tokens: 20 }, reasoning_effort: 'high' }, 'thinking.max_tokens', 'reasoning_effort'],
    [{ enable_thinking: false, thinking_budget: 20 }, 'enable_thinking', 'thinking_budget'],
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
