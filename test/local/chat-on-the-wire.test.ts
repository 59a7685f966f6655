import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type LocalEndpoint, startLocalEndpoint } from '../../local/endpoint/local-endpoint.ts';
import { bytes, decode, IM_END } from '../lambda/forcing/tiny-vocabulary.ts';
import { scriptedEngine } from './scripted-engine.ts';

const engine = scriptedEngine([...bytes('It is 4.'), IM_END]);
let endpoint: LocalEndpoint;
let client: SageMakerRuntimeClient;
beforeAll(async () => {
  endpoint = await startLocalEndpoint({ engine, endpointName: 'e', inferenceComponentName: 'c', servedModelName: 'm' });
  client = new SageMakerRuntimeClient({
    endpoint: endpoint.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    maxAttempts: 1,
  });
});
afterAll(() => endpoint.close());

const chat = { messages: [{ role: 'user', content: 'How many?' }], stop_token_ids: [IM_END], max_tokens: 50 };
const call = (body: object) => ({
  EndpointName: 'e',
  InferenceComponentName: 'c',
  Body: Buffer.from(JSON.stringify(body)),
  ContentType: 'application/json',
});
const whole = async (body: object): Promise<unknown> =>
  JSON.parse(Buffer.from((await client.send(new InvokeEndpointCommand(call(body)))).Body).toString('utf8'));

const chunkSchema = z.object({
  object: z.literal('chat.completion.chunk'),
  choices: z.array(
    z.object({
      delta: z.object({ role: z.string().optional(), content: z.string() }),
      finish_reason: z.string().nullable(),
    }),
  ),
  usage: z.object({ completion_tokens: z.int() }).optional(),
});
async function chunksOf(body: object) {
  const { Body = [] } = await client.send(new InvokeEndpointWithResponseStreamCommand(call({ ...body, stream: true })));
  let text = '';
  for await (const event of Body) text += Buffer.from(event.PayloadPart?.Bytes ?? []).toString('utf8');
  const data = text.split('\n\n').filter((line) => line !== '');
  expect(data.pop()).toBe('data: [DONE]');
  return data.map((line) => chunkSchema.parse(JSON.parse(line.slice(6))));
}

describe('a chat body on the SageMaker wire', () => {
  it('InvokeEndpoint answers as vLLM’s chat completion', async () => {
    expect(await whole({ ...chat, model: 'm', logprobs: false })).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      model: 'm',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'It is 4.' }, finish_reason: 'stop', logprobs: null },
      ],
      usage: { completion_tokens: 9 },
    });
  });

  it('InvokeEndpointWithResponseStream answers with its chunks, role first and usage last', async () => {
    const chunks = await chunksOf({ ...chat, stream_options: { include_usage: true, continuous_usage_stats: true } });
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content)).join('')).toBe('It is 4.');
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 9 } });
    const counts = chunks.slice(1).map(({ usage }) => usage?.completion_tokens);
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 9]);
  });

  it('the conversation is ChatML; parts are joined, and a last message can be continued', async () => {
    const prompts = async (body: object) => {
      await whole({ ...chat, ...body });
      return decode(engine.requests.at(-1)?.promptIds ?? []);
    };
    const user = '<|im_start|>user\nHow many?<|im_end|>\n';
    expect(await prompts({})).toBe(`${user}<|im_start|>assistant\n`);
    const parts = [
      { type: 'text', text: 'How ' },
      { type: 'text', text: 'many?' },
    ];
    expect(await prompts({ messages: [{ role: 'user', content: parts }] })).toBe(`${user}<|im_start|>assistant\n`);
    const messages = [...chat.messages, { role: 'assistant', content: 'It' }];
    expect(await prompts({ messages, continue_final_message: true, add_generation_prompt: false })).toBe(
      `${user}<|im_start|>assistant\nIt`,
    );
  });

  it('without max_tokens it may use the rest of the window, and unknown fields have no effect', async () => {
    await whole({ ...chat, max_tokens: undefined, guided_regex: 'x' });
    const { promptIds, maxTokens } = engine.requests.at(-1) ?? { promptIds: [], maxTokens: 0 };
    expect(maxTokens).toBe(1_000 - promptIds.length);
  });

  it('ignore_eos gives exactly max_tokens, in chat and in a text completion', async () => {
    expect(await whole({ ...chat, ignore_eos: true, max_tokens: 20 })).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      usage: { completion_tokens: 20 },
    });
    expect(await whole({ prompt: [1], ignore_eos: true, max_tokens: 20 })).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      usage: { completion_tokens: 20 },
    });
  });

  it.each([
    [{ n: 2 }, 'n \\(2\\)'],
    [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools'],
    [{ response_format: { type: 'json_object' } }, 'response_format'],
    [{ messages: [] }, 'messages'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }, 'content'],
    [{ continue_final_message: true, add_generation_prompt: true }, 'add_generation_prompt'],
  ])('%j is the container’s 400, which says what is not served', async (fields, named) => {
    for (const send of [whole, chunksOf]) {
      await expect(send({ ...chat, ...fields })).rejects.toMatchObject({
        name: 'ModelError',
        OriginalStatusCode: 400,
        OriginalMessage: expect.stringMatching(named),
      });
    }
  });
});
