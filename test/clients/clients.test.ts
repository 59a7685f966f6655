import { setTimeout as sleep } from 'node:timers/promises';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, jsonSchema, streamText, type ToolSet, tool } from 'ai';
import OpenAI from 'openai';
import { afterAll, describe, expect, it } from 'vitest';
import { NoCapacityError } from '../../lambda/upstream/errors.ts';
import { decode, IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import type { ScriptedModel, ScriptedSegment } from '../lambda/scripted-world.ts';
import { serve } from './serve.ts';

/** Outputs of the scripted model. */
const natural: readonly ScriptedSegment[] = [
  { says: '\nTwo and two.', ends: IM_START },
  { says: '\nFour.', ends: IM_END },
];
const cut: readonly ScriptedSegment[] = [{ says: 'x'.repeat(90) }, { says: ' 4', ends: IM_END }];
const calls: readonly ScriptedSegment[] = [
  { says: '\nI look.', ends: IM_START },
  { says: '\n<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>', ends: IM_END },
];
const endless: readonly ScriptedSegment[] = [{ says: 'abc', hangs: true }];
const noCapacity = () => new NoCapacityError('The endpoint has no copy.', { retryAfterSeconds: 1 });
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
} as const;
const question = 'What is 2 + 2?';

type Capability =
  | 'answers'
  | 'streams'
  | 'shows thoughts'
  | 'sets a budget'
  | 'calls tools'
  | 'counts thinking tokens'
  | 'continues a conversation'
  | 'aborts'
  | 'times out'
  | 'retries a 503'
  | 'reads an error';

/** A client, and a test for each capability. It has no API for the missing ones. */
interface Client {
  readonly name: string;
  readonly route: string;
  readonly can: Readonly<Partial<Record<Capability, () => Promise<void>>>>;
}

const key = 'no-key';
const model = 'scripted';
const messages = [{ role: 'user' as const, content: question }];

const openai = async (script: readonly ScriptedSegment[]) => {
  const server = await serve(script);
  return { ...server, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key, maxRetries: 2 }) };
};
const anthropic = async (script: readonly ScriptedSegment[]) => {
  const server = await serve(script);
  return { ...server, client: new Anthropic({ baseURL: server.url, apiKey: key, maxRetries: 2 }) };
};
const compatible = async (script: readonly ScriptedSegment[]) => {
  const server = await serve(script);
  const provider = createOpenAICompatible({ name: 'budgetforce', baseURL: `${server.url}/v1`, apiKey: key });
  return { ...server, chat: provider.chatModel(model) };
};
const aiAnthropic = async (script: readonly ScriptedSegment[]) => {
  const server = await serve(script);
  const provider = createAnthropic({ baseURL: `${server.url}/v1`, apiKey: key });
  return { ...server, chat: provider(model) };
};
const langchain = async (script: readonly ScriptedSegment[], fields: Record<string, unknown> = {}) => {
  const server = await serve(script);
  const client = new ChatOpenAI({
    model,
    apiKey: key,
    maxRetries: 2,
    configuration: { baseURL: `${server.url}/v1` },
    modelKwargs: fields,
  });
  return { ...server, client };
};

/** Aborts during an endless thought, and expects that the model is stopped too. */
async function aborts(start: (signal: AbortSignal) => Promise<unknown>, scripted: ScriptedModel): Promise<void> {
  const abort = new AbortController();
  const running = start(abort.signal).then(
    () => 'ended',
    () => 'ended',
  );
  await expect.poll(() => scripted.requests.length, { timeout: 10_000 }).toBe(1);
  // The model counts an abort once it hangs, which is after its few tokens.
  await sleep(100);
  abort.abort();
  expect(await running).toBe('ended');
  await expect.poll(() => scripted.aborted, { timeout: 10_000 }).toBe(1);
}

/** Timeout of a client, for an answer that never comes. */
const TIMEOUT_MS = 1_000;

/** Expects that the client times out and that the model is stopped too. */
async function timesOut(request: Promise<unknown>, aborted: () => number): Promise<void> {
  await expect(request).rejects.toThrow();
  await expect.poll(aborted, { timeout: 10_000 }).toBe(1);
}

const again = 'And 3 + 3?';
const twice: readonly ScriptedSegment[] = [
  ...natural,
  { says: '\nThree and three.', ends: IM_START },
  { says: '\nSix.', ends: IM_END },
];

/** Expects that the second prompt has the first question and its answer, without the thought. */
function expectNoThought({
  requests,
}: {
  readonly requests: readonly { readonly promptIds: readonly number[] }[];
}): void {
  const prompt = decode(requests[2]?.promptIds ?? []);
  expect(prompt).toContain(question);
  expect(prompt).toContain('Four.');
  expect(prompt).toContain(again);
  expect(prompt).not.toContain('Two and two.');
}

const weatherOpenAi = { type: 'function' as const, function: { name: 'weather', parameters: { ...parameters } } };
const weatherAi = { weather: tool({ inputSchema: jsonSchema(parameters) }) } as ToolSet;

const clients: readonly Client[] = [
  {
    name: 'openai (Node), chat',
    route: '/v1/chat/completions',
    can: {
      answers: async () => {
        const { client } = await openai(natural);
        const { choices } = await client.chat.completions.create({ model, messages });
        expect(choices[0]?.message.content).toBe('Four.');
      },
      streams: async () => {
        const { client } = await openai(natural);
        const runner = client.chat.completions.stream({ model, messages });
        expect(await runner.finalContent()).toBe('Four.');
      },
      'shows thoughts': async () => {
        const { client } = await openai(natural);
        const stream = await client.chat.completions.create({ model, messages, stream: true });
        let thought = '';
        for await (const chunk of stream) {
          const delta = chunk.choices[0]?.delta ?? {};
          if ('reasoning_content' in delta) thought += String(delta.reasoning_content);
        }
        expect(thought).toBe('Two and two.');
      },
      'sets a budget': async () => {
        const { client } = await openai(cut);
        const { usage } = await client.chat.completions.create({ model, messages, reasoning_effort: 'low' });
        expect(usage?.completion_tokens_details?.reasoning_tokens).toBe(20);
      },
      'calls tools': async () => {
        const { client } = await openai(calls);
        const runner = client.chat.completions.stream({ model, messages, tools: [weatherOpenAi] });
        const { choices } = await runner.finalChatCompletion();
        expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { arguments: '{"city": "Paris"}' } });
      },
      'counts thinking tokens': async () => {
        const { client } = await openai(natural);
        const stream_options = { include_usage: true };
        const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options });
        let counted: number | undefined;
        for await (const { usage } of stream) counted = usage?.completion_tokens_details?.reasoning_tokens ?? counted;
        expect(counted).toBe('\nTwo and two.'.length);
      },
      'continues a conversation': async () => {
        const { client, model: scripted } = await openai(twice);
        const first = await client.chat.completions.create({ model, messages });
        const answered = first.choices[0]?.message;
        if (answered === undefined) throw new Error('No answer came.');
        const conversation = [...messages, answered, { role: 'user' as const, content: again }];
        const { choices } = await client.chat.completions.create({ model, messages: conversation });
        expect(choices[0]?.message.content).toBe('Six.');
        expectNoThought(scripted);
      },
      'times out': async () => {
        const { client, model: scripted } = await openai(endless);
        const options = { timeout: TIMEOUT_MS, maxRetries: 0 };
        await timesOut(client.chat.completions.create({ model, messages }, options), () => scripted.aborted);
      },
      aborts: async () => {
        const { client, model: scripted } = await openai(endless);
        await aborts(async (signal) => {
          const stream = await client.chat.completions.create({ model, messages, stream: true }, { signal });
          for await (const _ of stream);
        }, scripted);
      },
      'retries a 503': async () => {
        const { client } = await openai([{ says: '', fails: noCapacity() }, ...natural]);
        const { choices } = await client.chat.completions.create({ model, messages });
        expect(choices[0]?.message.content).toBe('Four.');
      },
      'reads an error': async () => {
        const { client } = await openai([]);
        const wrong = client.chat.completions.create({ model, messages, temperature: 9 });
        await expect(wrong).rejects.toMatchObject({ status: 400, param: 'temperature' });
      },
    },
  },
  {
    name: 'openai (Node), responses',
    route: '/v1/responses',
    can: {
      answers: async () => {
        const { client } = await openai(natural);
        const response = await client.responses.create({ model, input: question });
        expect(response).toMatchObject({ output_text: 'Four.', status: 'completed' });
      },
      streams: async () => {
        const { client } = await openai(natural);
        const stream = client.responses.stream({ model, input: question });
        const types: string[] = [];
        for await (const event of stream) types.push(event.type);
        expect((await stream.finalResponse()).output_text).toBe('Four.');
        expect(types.slice(0, 4)).toEqual([
          'response.created',
          'response.in_progress',
          'response.output_item.added',
          'response.content_part.added',
        ]);
        expect(types.at(-1)).toBe('response.completed');
      },
      'shows thoughts': async () => {
        const { client } = await openai(natural);
        const { output } = await client.responses.create({ model, input: question });
        expect(output[0]).toMatchObject({ type: 'reasoning', content: [{ text: 'Two and two.' }] });
      },
      'sets a budget': async () => {
        const { client } = await openai(cut);
        const { usage } = await client.responses.create({ model, input: question, reasoning: { effort: 'low' } });
        expect(usage?.output_tokens_details.reasoning_tokens).toBe(20);
      },
      'calls tools': async () => {
        const { client } = await openai(calls);
        const tools = [{ type: 'function' as const, name: 'weather', parameters: { ...parameters }, strict: false }];
        const stream = client.responses.stream({ model, input: question, tools });
        const { output } = await stream.finalResponse();
        expect(output[1]).toMatchObject({ type: 'function_call', name: 'weather', arguments: '{"city": "Paris"}' });
      },
      'counts thinking tokens': async () => {
        const { client } = await openai(natural);
        const { usage } = await client.responses.create({ model, input: question });
        expect(usage?.output_tokens_details.reasoning_tokens).toBe('\nTwo and two.'.length);
      },
      'continues a conversation': async () => {
        const { client, model: scripted } = await openai(twice);
        const { output } = await client.responses.create({ model, input: question });
        const input = [...messages, ...output, { role: 'user' as const, content: again }];
        const second = await client.responses.create({ model, input: input as OpenAI.Responses.ResponseInput });
        expect(second.output_text).toBe('Six.');
        expectNoThought(scripted);
      },
      'times out': async () => {
        const { client, model: scripted } = await openai(endless);
        const options = { timeout: TIMEOUT_MS, maxRetries: 0 };
        await timesOut(client.responses.create({ model, input: question }, options), () => scripted.aborted);
      },
      aborts: async () => {
        const { client, model: scripted } = await openai(endless);
        await aborts(async (signal) => {
          const stream = await client.responses.create({ model, input: question, stream: true }, { signal });
          for await (const _ of stream);
        }, scripted);
      },
      'retries a 503': async () => {
        const { client } = await openai([{ says: '', fails: noCapacity() }, ...natural]);
        expect((await client.responses.create({ model, input: question })).output_text).toBe('Four.');
      },
      'reads an error': async () => {
        const { client } = await openai([]);
        const wrong = client.responses.create({ model, input: question, previous_response_id: 'resp_1' });
        await expect(wrong).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
      },
    },
  },
  {
    name: '@anthropic-ai/sdk',
    route: '/v1/messages',
    can: {
      answers: async () => {
        const { client } = await anthropic(natural);
        const { content, stop_reason } = await client.messages.create({ model, messages, max_tokens: 500 });
        expect(content.at(-1)).toMatchObject({ type: 'text', text: 'Four.' });
        expect(stop_reason).toBe('end_turn');
      },
      streams: async () => {
        const { client } = await anthropic(natural);
        expect(await client.messages.stream({ model, messages, max_tokens: 500 }).finalText()).toBe('Four.');
      },
      'shows thoughts': async () => {
        const { client } = await anthropic(natural);
        let thought = '';
        const thinking = { type: 'adaptive' as const };
        const stream = client.messages.stream({ model, messages, max_tokens: 500, thinking });
        stream.on('thinking', (delta) => {
          thought += delta;
        });
        await stream.finalMessage();
        expect(thought).toBe('Two and two.');
      },
      'sets a budget': async () => {
        const { client } = await anthropic(cut);
        const thinking = { type: 'enabled' as const, budget_tokens: 20 };
        const message = await client.messages.create({ model, messages, max_tokens: 500, thinking });
        expect(message).toMatchObject({ budget_forcing: { thinking_tokens: 20, end_reason: 'budget' } });
      },
      'calls tools': async () => {
        const { client } = await anthropic(calls);
        const tools = [{ name: 'weather', input_schema: { ...parameters, required: ['city'] } }];
        const { content, stop_reason } = await client.messages
          .stream({ model, messages, max_tokens: 500, tools })
          .finalMessage();
        expect(content.at(-1)).toMatchObject({ type: 'tool_use', name: 'weather', input: { city: 'Paris' } });
        expect(stop_reason).toBe('tool_use');
      },
      'continues a conversation': async () => {
        const { client, model: scripted } = await anthropic(twice);
        const { content: answered } = await client.messages.create({ model, messages, max_tokens: 500 });
        const conversation = [
          ...messages,
          { role: 'assistant' as const, content: answered },
          { role: 'user' as const, content: again },
        ];
        const { content } = await client.messages.create({ model, messages: conversation, max_tokens: 500 });
        expect(content.at(-1)).toMatchObject({ text: 'Six.' });
        expectNoThought(scripted);
      },
      'times out': async () => {
        const { client, model: scripted } = await anthropic(endless);
        const options = { timeout: TIMEOUT_MS, maxRetries: 0 };
        await timesOut(client.messages.create({ model, messages, max_tokens: 500 }, options), () => scripted.aborted);
      },
      aborts: async () => {
        const { client, model: scripted } = await anthropic(endless);
        await aborts(
          (signal) => client.messages.stream({ model, messages, max_tokens: 500 }, { signal }).finalMessage(),
          scripted,
        );
      },
      'retries a 503': async () => {
        const { client } = await anthropic([{ says: '', fails: noCapacity() }, ...natural]);
        const { content } = await client.messages.create({ model, messages, max_tokens: 500 });
        expect(content.at(-1)).toMatchObject({ text: 'Four.' });
      },
      'reads an error': async () => {
        const { client } = await anthropic([]);
        const thinking = { type: 'enabled' as const, budget_tokens: 2_000 };
        const wrong = client.messages.create({ model, messages, max_tokens: 1_000, thinking });
        await expect(wrong).rejects.toThrow(/thinking\.budget_tokens/);
      },
    },
  },
  {
    name: 'ai with @ai-sdk/openai-compatible',
    route: '/v1/chat/completions',
    can: {
      answers: async () => {
        const { chat } = await compatible(natural);
        expect((await generateText({ model: chat, prompt: question })).text).toBe('Four.');
      },
      streams: async () => {
        const { chat } = await compatible(natural);
        let text = '';
        for await (const delta of streamText({ model: chat, prompt: question }).textStream) text += delta;
        expect(text).toBe('Four.');
      },
      'shows thoughts': async () => {
        const { chat } = await compatible(natural);
        expect((await generateText({ model: chat, prompt: question })).reasoningText).toBe('Two and two.');
      },
      'sets a budget': async () => {
        const { chat } = await compatible(cut);
        const providerOptions = { budgetforce: { reasoningEffort: 'low' } };
        const { usage } = await generateText({ model: chat, prompt: question, providerOptions });
        expect(usage.outputTokenDetails.reasoningTokens).toBe(20);
      },
      'calls tools': async () => {
        const { chat } = await compatible(calls);
        const { toolCalls } = await generateText({ model: chat, prompt: question, tools: weatherAi });
        expect(toolCalls[0]).toMatchObject({ toolName: 'weather', input: { city: 'Paris' } });
      },
      'counts thinking tokens': async () => {
        const { chat } = await compatible(natural);
        const { usage } = await generateText({ model: chat, prompt: question });
        expect(usage.outputTokenDetails.reasoningTokens).toBe('\nTwo and two.'.length);
      },
      'continues a conversation': async () => {
        const { chat, model: scripted } = await compatible(twice);
        const { response } = await generateText({ model: chat, messages });
        const conversation = [...messages, ...response.messages, { role: 'user' as const, content: again }];
        expect((await generateText({ model: chat, messages: conversation })).text).toBe('Six.');
        expectNoThought(scripted);
      },
      'times out': async () => {
        const { chat, model: scripted } = await compatible(endless);
        const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
        await timesOut(generateText({ model: chat, prompt: question, abortSignal }), () => scripted.aborted);
      },
      aborts: async () => {
        const { chat, model: scripted } = await compatible(endless);
        await aborts((abortSignal) => generateText({ model: chat, prompt: question, abortSignal }), scripted);
      },
      'retries a 503': async () => {
        const { chat } = await compatible([{ says: '', fails: noCapacity() }, ...natural]);
        expect((await generateText({ model: chat, prompt: question })).text).toBe('Four.');
      },
      'reads an error': async () => {
        const { chat } = await compatible([]);
        await expect(generateText({ model: chat, prompt: question, temperature: 9 })).rejects.toThrow(/temperature/);
      },
    },
  },
  {
    name: 'ai with @ai-sdk/anthropic',
    route: '/v1/messages',
    can: {
      answers: async () => {
        const { chat } = await aiAnthropic(natural);
        expect((await generateText({ model: chat, prompt: question, maxOutputTokens: 500 })).text).toBe('Four.');
      },
      streams: async () => {
        const { chat } = await aiAnthropic(natural);
        let text = '';
        const { textStream } = streamText({ model: chat, prompt: question, maxOutputTokens: 500 });
        for await (const delta of textStream) text += delta;
        expect(text).toBe('Four.');
      },
      'shows thoughts': async () => {
        const { chat } = await aiAnthropic(natural);
        const providerOptions = { anthropic: { thinking: { type: 'adaptive' } } };
        const { reasoningText } = await generateText({
          model: chat,
          prompt: question,
          maxOutputTokens: 500,
          providerOptions,
        });
        expect(reasoningText).toBe('Two and two.');
      },
      'sets a budget': async () => {
        const { chat, model: scripted } = await aiAnthropic(cut);
        const providerOptions = { anthropic: { thinking: { type: 'enabled', budgetTokens: 20 } } };
        await generateText({ model: chat, prompt: question, maxOutputTokens: 100, providerOptions });
        expect(scripted.requests[0]?.maxTokens).toBe(20);
      },
      'calls tools': async () => {
        const { chat } = await aiAnthropic(calls);
        const { toolCalls } = await generateText({
          model: chat,
          prompt: question,
          tools: weatherAi,
          maxOutputTokens: 500,
        });
        expect(toolCalls[0]).toMatchObject({ toolName: 'weather', input: { city: 'Paris' } });
      },
      'continues a conversation': async () => {
        const { chat, model: scripted } = await aiAnthropic(twice);
        const { response } = await generateText({ model: chat, messages, maxOutputTokens: 500 });
        const conversation = [...messages, ...response.messages, { role: 'user' as const, content: again }];
        const second = await generateText({ model: chat, messages: conversation, maxOutputTokens: 500 });
        expect(second.text).toBe('Six.');
        expectNoThought(scripted);
      },
      'times out': async () => {
        const { chat, model: scripted } = await aiAnthropic(endless);
        const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
        const request = generateText({ model: chat, prompt: question, maxOutputTokens: 500, abortSignal });
        await timesOut(request, () => scripted.aborted);
      },
      aborts: async () => {
        const { chat, model: scripted } = await aiAnthropic(endless);
        await aborts(
          (abortSignal) => generateText({ model: chat, prompt: question, maxOutputTokens: 500, abortSignal }),
          scripted,
        );
      },
      'retries a 503': async () => {
        const { chat } = await aiAnthropic([{ says: '', fails: noCapacity() }, ...natural]);
        expect((await generateText({ model: chat, prompt: question, maxOutputTokens: 500 })).text).toBe('Four.');
      },
      'reads an error': async () => {
        const { chat } = await aiAnthropic([]);
        const wrong = generateText({ model: chat, prompt: question, maxOutputTokens: 500, topK: -5 });
        await expect(wrong).rejects.toThrow(/top_k/);
      },
    },
  },
  {
    name: '@langchain/openai',
    route: '/v1/chat/completions',
    can: {
      answers: async () => {
        const { client } = await langchain(natural);
        expect((await client.invoke(question)).content).toBe('Four.');
      },
      streams: async () => {
        const { client } = await langchain(natural);
        let text = '';
        for await (const chunk of await client.stream(question)) text += String(chunk.content);
        expect(text).toBe('Four.');
      },
      'sets a budget': async () => {
        const { client } = await langchain(cut, { thinking: { max_tokens: 20 } });
        const message = await client.invoke(question);
        expect(message).toMatchObject({ usage_metadata: { output_token_details: { reasoning: 20 } } });
      },
      'calls tools': async () => {
        const { client } = await langchain(calls);
        const { tool_calls } = await client.bindTools([weatherOpenAi]).invoke(question);
        expect(tool_calls?.[0]).toMatchObject({ name: 'weather', args: { city: 'Paris' } });
      },
      'counts thinking tokens': async () => {
        const { client } = await langchain(natural);
        const message = await client.invoke(question);
        expect(message).toMatchObject({
          usage_metadata: { output_token_details: { reasoning: '\nTwo and two.'.length } },
        });
      },
      'continues a conversation': async () => {
        const { client, model: scripted } = await langchain(twice);
        const first = await client.invoke(question);
        const second = await client.invoke([['user', question], first, ['user', again]]);
        expect(second.content).toBe('Six.');
        expectNoThought(scripted);
      },
      'times out': async () => {
        const { client, model: scripted } = await langchain(endless);
        await timesOut(client.invoke(question, { timeout: TIMEOUT_MS }), () => scripted.aborted);
      },
      aborts: async () => {
        const { client, model: scripted } = await langchain(endless);
        await aborts((signal) => client.invoke(question, { signal }), scripted);
      },
      'retries a 503': async () => {
        const { client } = await langchain([{ says: '', fails: noCapacity() }, ...natural]);
        expect((await client.invoke(question)).content).toBe('Four.');
      },
      'reads an error': async () => {
        const { client } = await langchain([], { temperature: 9 });
        await expect(client.invoke(question)).rejects.toThrow(/temperature/);
      },
    },
  },
];

const capabilities: readonly Capability[] = [
  'answers',
  'streams',
  'shows thoughts',
  'sets a budget',
  'calls tools',
  'counts thinking tokens',
  'continues a conversation',
  'aborts',
  'times out',
  'retries a 503',
  'reads an error',
];
const done = new Set<string>();

describe.each(clients)('$name', ({ name, can }) => {
  it.each(capabilities.filter((capability) => can[capability] !== undefined))(
    `${name} %s`,
    async (capability) => {
      await can[capability]?.();
      done.add(`${name}/${capability}`);
    },
    20_000,
  );
});

describe('docs/clients.md', () => {
  it('docs/clients.md lists the capabilities of each client', async () => {
    await expect(matrix()).toMatchFileSnapshot('../../docs/clients.md');
  });
});

afterAll(() => {
  expect(done.size).toBeGreaterThan(0);
});

/** What the page says below the table. */
const notes = [
  '## Two turns',
  '',
  '`test/clients/two-turns.test.ts` has each of these call a tool and answer from its result, and answer twice by a schema: `openai` for Node (both routes), `@openai/agents` (both), `@anthropic-ai/sdk`, `ai`',
  'with `@ai-sdk/openai-compatible`, `@ai-sdk/anthropic` and `@ai-sdk/openai` (both), `@langchain/openai` (both) and `@langchain/anthropic`.',
  '',
  'Python: `openai` (both routes), `anthropic`, `langchain-openai` (both), `langchain-anthropic`, `litellm` (as OpenAI, as Anthropic, and as a proxy, to all three routes), `pydantic-ai` (both), `instructor` (tools',
  'and schemas) and `llm`. `npm run check:clients` runs them against `npm start`, after it has installed `test/clients/python/requirements.txt` (it says how much, and asks). `npm test` replays',
  'the requests that it recorded, and needs no Python.',
  '',
  '| Client | to know |',
  '| --- | --- |',
  '| `@ai-sdk/openai`, Responses | needs `providerOptions: { openai: { store: false } }`. By default it sends ids of earlier items, but nothing is stored: a 400 says so |',
  '| `pydantic-ai`, `@openai/agents`, Responses | work as they are: they send the items themselves |',
  '| `llm` | has no option that forces a call: the check adds the call to the first answer |',
  '',
  '## litellm’s proxy',
  '',
  '[litellm-proxy.yaml](litellm-proxy.yaml) puts litellm’s proxy in front of this API: `litellm --config docs/litellm-proxy.yaml`. Its `/v1/chat/completions`, `/v1/responses` and `/v1/messages` all work.',
  'So do `thinking` and `reasoning_effort` in Chat Completions. The proxy needs a key of its own, `LITELLM_MASTER_KEY`.',
  '',
  '## A client that has the name of a model built in',
  '',
  '`"aliases": { "gpt-5": "s1-32b" }` in the config, or `npm start -- --alias gpt-5=budgetforce-tiny`. A response has the name of the request, `GET /v1/models` lists aliases with `alias_of`.',
  'The list of models of a key has ids, and applies to their aliases.',
  '',
  '## A page in a browser',
  '',
  '`"api": { "cors": { "origins": ["https://app.example.com"] } }` in the config. On a laptop pages of localhost are allowed, on any port. A page shows its key to its readers: give it a key with limits.',
  '',
  '## Raw prompts: lm-eval, and s1’s own loop',
  '',
  '`POST /v1/completions` is off unless the config has `"api": { "rawPrompts": true }` and the key `raw_prompts: true` (`budgetforce keys create NAME --raw-prompts true`). On a laptop it is on. Only here are',
  'control strings, and ids, in a prompt control tokens: such a key can write the turns of every role. Without a budget a request is a plain completion with vLLM’s fields; with `thinking`, or any other field of a',
  'budget, the format opens the thinking after the prompt. `test/end-to-end/raw-prompts.test.ts` replays s1’s loop, which gets the thought of the native budget, and lm-eval’s log-likelihoods.',
  '',
  '```sh',
  'lm_eval --model local-completions --tasks arc_easy \\',
  '  --model_args model=s1-32b,base_url=https://…/v1/completions,tokenizer=simplescaling/s1-32B',
  '```',
];

function matrix(): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const lines = clients.map(({ name, route, can }) =>
    row([
      `\`${name}\``,
      `\`${route}\``,
      ...capabilities.map((capability) =>
        can[capability] === undefined ? '–' : done.has(`${name}/${capability}`) ? 'yes' : 'no',
      ),
    ]),
  );
  return [
    '# Clients',
    '',
    'Published clients, unchanged, against this API. `test/clients/clients.test.ts` writes the table: "yes" is a test that passed,',
    '"–" is a capability that the client has no API for.',
    '',
    row(['Client', 'Route', ...capabilities]),
    row(['---', '---', ...capabilities.map(() => '---')]),
    ...lines,
    '',
    ...notes,
    '',
  ].join('\n');
}
