import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

let server: LocalServer;
beforeAll(async () => {
  server = await startLocal({ port: 0, host: '127.0.0.1' });
});
afterAll(() => server.close());

const tokenizerSchema = z.object({ added_tokens: z.array(z.object({ id: z.int(), content: z.string() })) });
const { added_tokens: added } = tokenizerSchema.parse(JSON.parse(await readFile('local/model/tokenizer.json', 'utf8')));
const idOf = (content: string) => added.find((token) => token.content === content)?.id ?? -1;
const ends = [idOf('<|im_start|>'), idOf('<|im_end|>')];

const logprobsSchema = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  text_offset: z.array(z.int()),
});
const answerSchema = z.object({
  choices: z.array(
    z.object({
      index: z.int(),
      text: z.string(),
      finish_reason: z.string(),
      stop_reason: z.union([z.int(), z.string()]).nullable(),
      token_ids: z.array(z.int()).optional(),
      prompt_token_ids: z.array(z.int()).optional(),
      reasoning_content: z.string().optional(),
      logprobs: logprobsSchema.nullable(),
    }),
  ),
});

async function post(path: string, body: object): Promise<unknown> {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'budgetforce-tiny', ...body }),
  });
  const answer = await response.json();
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer;
}
const complete = async (body: object) =>
  answerSchema.parse(await post('/v1/completions', { temperature: 0, ...body })).choices;

const question = 'What is 37 + 58 - 21 + 44?';
const conversation = `<|im_start|>system\nYou are a careful assistant.<|im_end|>\n<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`;

/** s1's loop (simplescaling/s1, README): think, drop the end, append "Wait", think on with what is left, then answer. */
async function s1Loop(
  waits: number,
  maxTokens: number,
): Promise<{ readonly thought: string; readonly answer: string }> {
  const plain = { skip_special_tokens: false, stop_token_ids: ends };
  let thought = '';
  let left = maxTokens;
  for (let turn = 0; turn <= waits; turn++) {
    const [choice] = await complete({
      ...plain,
      prompt: `${conversation}<|im_start|>think${thought}`,
      max_tokens: left,
      min_tokens: turn === 0 ? 0 : 1,
      return_token_ids: true,
    });
    thought += choice?.text ?? '';
    left -= (choice?.token_ids ?? []).length - (choice?.finish_reason === 'stop' ? 1 : 0);
    if (choice?.finish_reason === 'length' || turn === waits) break;
    thought += 'Wait';
    left -= 1;
  }
  const close =
    left <= 0 ? `${thought.endsWith('\n') ? '' : '\n'}<|im_start|>answer\nFinal Answer:` : '<|im_start|>answer';
  const [last] = await complete({
    ...plain,
    prompt: `${conversation}<|im_start|>think${thought}${close}`,
    max_tokens: 100,
  });
  return { thought, answer: last?.text ?? '' };
}

describe('s1’s own loop over /v1/completions', () => {
  it.each([
    [0, 400],
    [1, 400],
    [2, 600],
    [3, 90],
  ])(
    'With %i waits and %i tokens it gets the thought and the answer of the native budget, at temperature 0',
    async (waits, max) => {
      const loop = await s1Loop(waits, max);
      const native = z
        .object({
          choices: z.tuple([z.object({ message: z.object({ content: z.string(), reasoning_content: z.string() }) })]),
          budget_forcing: z.object({ waits: z.int(), end_reason: z.string() }),
        })
        .parse(
          await post('/v1/chat/completions', {
            messages: [{ role: 'user', content: question }],
            temperature: 0,
            thinking: { waits, max_tokens: max },
          }),
        );
      const { content, reasoning_content: thought } = native.choices[0].message;
      expect(loop.thought.trim()).toBe(thought.trim());
      expect(content.replace('Final Answer:', '').trim()).toBe(loop.answer.trim());
      if (waits > 0 && max > 300) expect(thought).toContain('Wait');
    },
  );

  it('A thought that the client cuts and gives back goes on as if it had not been cut, at temperature 0', async () => {
    const schema = z.object({
      choices: z.tuple([z.object({ message: z.object({ content: z.string(), reasoning_content: z.string() }) })]),
      usage: z.object({ completion_tokens_details: z.object({ reasoning_tokens: z.int() }) }),
    });
    const ask = async (thinking: object, last?: object) =>
      schema.parse(
        await post('/v1/chat/completions', {
          messages: [{ role: 'user', content: question }, ...(last === undefined ? [] : [last])],
          ...(last === undefined ? {} : { continue_final_message: true, add_generation_prompt: false }),
          temperature: 0,
          thinking,
        }),
      );
    const whole = await ask({});
    const cut = await ask({ max_tokens: 12 });
    const { reasoning_content: thought } = cut.choices[0].message;
    const rest = await ask({}, { role: 'assistant', reasoning_content: thought });
    const { content, reasoning_content: more } = rest.choices[0].message;
    expect(thought + more).toBe(whole.choices[0].message.reasoning_content);
    expect(content).toBe(whole.choices[0].message.content);
    const tokens = (answer: typeof whole) => answer.usage.completion_tokens_details.reasoning_tokens;
    expect(tokens(cut) + tokens(rest)).toBe(tokens(whole));
  });

  it('A budget over /v1/completions gives the thought of the chat', async () => {
    const [choice] = await complete({ prompt: conversation, thinking: { waits: 1, max_tokens: 400 } });
    expect(choice?.reasoning_content?.trim()).toBe((await s1Loop(1, 400)).thought.trim());
  });
});

describe('lm-eval’s local-completions over /v1/completions', () => {
  /** The log-likelihood of a continuation, as `TemplateAPI.parse_logprobs` of lm-eval computes it. */
  const loglikelihood = async (context: string, continuation: string, asIds: boolean) => {
    const idsOf = async (text: string) =>
      (await complete({ prompt: text, max_tokens: 1, return_token_ids: true }))[0]?.prompt_token_ids ?? [];
    const [whole, start] = [await idsOf(context + continuation), await idsOf(context)];
    const [choice] = await complete({
      prompt: asIds ? [whole] : context + continuation,
      max_tokens: 1,
      logprobs: 1,
      seed: 1234,
      echo: true,
    });
    const logprobs = logprobsSchema.parse(choice?.logprobs);
    expect(logprobs.tokens).toHaveLength(whole.length + 1);
    expect(logprobs.token_logprobs[0]).toBeNull();
    const own = logprobs.token_logprobs.slice(start.length, -1);
    const tops = logprobs.top_logprobs.slice(start.length, -1);
    return {
      sum: own.reduce<number>((sum, logprob) => sum + (logprob ?? 0), 0),
      greedy: own.every((logprob, index) => logprob === Math.max(...Object.values(tops[index] ?? {}))),
    };
  };

  it.each([false, true])('The right continuation is more likely than a wrong one (as ids: %s)', async (asIds) => {
    const context = `${conversation}<|im_start|>think`;
    const [sampled] = await complete({ prompt: context, max_tokens: 12 });
    const right = await loglikelihood(context, sampled?.text ?? '', asIds);
    const wrong = await loglikelihood(context, (sampled?.text ?? '').replace(/\d/g, '9'), asIds);
    expect(right.sum).toBeLessThan(0);
    expect(right.sum).toBeGreaterThan(wrong.sum);
    expect(wrong.greedy).toBe(false);
  });

  it('The log-likelihood of the own greedy continuation is greedy, and is that of its sampling', async () => {
    const context = `${conversation}<|im_start|>think`;
    const [sampled] = await complete({ prompt: context, max_tokens: 8, logprobs: 1, temperature: 1, top_k: 1 });
    const scored = await loglikelihood(context, sampled?.text ?? '', false);
    expect(scored.greedy).toBe(true);
  });

  it('The text of a completion that the model ends has no end token, whatever special tokens are shown', async () => {
    for (const skip of [true, false]) {
      const prompt = `${conversation}<|im_start|>think\n<|im_start|>answer\nFinal Answer:`;
      const [choice] = await complete({ prompt, max_tokens: 60, skip_special_tokens: skip, return_token_ids: true });
      expect(choice).toMatchObject({ finish_reason: 'stop', stop_reason: null });
      expect(choice?.text).not.toContain('<|');
      expect(choice?.token_ids?.at(-1)).toBe(idOf('<|im_end|>'));
    }
  });

  it('skip_special_tokens decides whether control tokens inside a completion have text', async () => {
    const texts = [];
    for (const skip of [true, false]) {
      const [choice] = await complete({
        prompt: `${conversation}<|im_start|>think`,
        max_tokens: 300,
        skip_special_tokens: skip,
      });
      texts.push(choice?.text ?? '');
    }
    expect(texts[1]).toContain('<|im_start|>answer');
    expect(texts[0]).toBe(texts[1]?.replaceAll(/<\|im_start\|>/g, ''));
  });

  it('echo with max_tokens 0 returns the prompt alone, streamed or not', async () => {
    const [choice] = await complete({ prompt: 'Hi<|im_end|>', max_tokens: 0, logprobs: 2, echo: true });
    expect(choice?.text).toBe('Hi<|im_end|>');
    expect(choice?.logprobs?.tokens.join('')).toBe('Hi<|im_end|>');
    expect(choice?.logprobs?.text_offset[0]).toBe(0);
  });
});
