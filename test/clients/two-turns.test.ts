import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { ChatAnthropic } from '@langchain/anthropic';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import {
  Agent,
  tool as agentTool,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  Runner,
  setTracingDisabled,
} from '@openai/agents';
import { generateText, isStepCount, type LanguageModel, Output, tool } from 'ai';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { decode, IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import type { ScriptedModel, ScriptedSegment } from '../lambda/scripted-world.ts';
import { serve } from './serve.ts';

const key = 'no-key';
const model = 'scripted';
const question = 'What is the weather in Paris?';
const result = 'Sunny, 21 degrees.';
const sum = 'What is 2 + 2?';
const again = 'Once more.';
const thought = { says: '\nI look.', ends: IM_START };

/** A call of the tool, and the answer once its result is there. */
const calls: readonly ScriptedSegment[] = [
  thought,
  { says: '\n<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>', ends: IM_END },
  thought,
  { says: '\nTake a hat.', ends: IM_END },
];
/** Two answers of a schema. */
const formed: readonly ScriptedSegment[] = [
  thought,
  { says: '{"number": 4}', ends: IM_END },
  thought,
  { says: '{"number": 5}', ends: IM_END },
];
const city = z.object({ city: z.string() });
const number = z.object({ number: z.number() });
const citySchema = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city'],
  additionalProperties: false,
};
const numberSchema = {
  type: 'object' as const,
  properties: { number: { type: 'number' } },
  required: ['number'],
  additionalProperties: false,
};
const chatTool = { type: 'function' as const, function: { name: 'weather', strict: true, parameters: citySchema } };

/** What each client does with a server: the answer after a tool's result, and the number of a second structured answer. */
interface Client {
  readonly withTool: (url: string) => Promise<string | null | undefined>;
  readonly withSchema: (url: string) => Promise<unknown>;
}

const openai = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const user = (content: string) => ({ role: 'user' as const, content });

const openaiChat: Client = {
  withTool: async (url) => {
    const runner = openai(url).chat.completions.runTools({
      model,
      messages: [user(question)],
      tools: [
        {
          type: 'function',
          function: {
            ...chatTool.function,
            description: 'The weather.',
            function: async () => result,
          },
        },
      ],
    });
    return runner.finalContent();
  },
  withSchema: async (url) => {
    const { completions } = openai(url).chat;
    const response_format = {
      type: 'json_schema' as const,
      json_schema: { name: 'number', strict: true, schema: numberSchema },
    };
    const first = await completions.parse({ model, messages: [user(sum)], response_format });
    const answered = first.choices[0]?.message;
    if (answered === undefined) throw new Error('No answer came.');
    const second = await completions.parse({ model, messages: [user(sum), answered, user(again)], response_format });
    return second.choices[0]?.message.parsed;
  },
};

const openaiResponses: Client = {
  withTool: async (url) => {
    const { responses } = openai(url);
    const tools = [{ type: 'function' as const, name: 'weather', strict: true, parameters: citySchema }];
    const { output } = await responses.create({ model, input: [user(question)], tools });
    const call = output.find((item) => item.type === 'function_call');
    if (call === undefined) throw new Error('No call came.');
    const answer = { type: 'function_call_output' as const, call_id: call.call_id, output: result };
    const input = [user(question), ...output, answer] as OpenAI.Responses.ResponseInput;
    return (await responses.create({ model, input, tools })).output_text;
  },
  withSchema: async (url) => {
    const { responses } = openai(url);
    const text = { format: { type: 'json_schema' as const, name: 'number', strict: true, schema: numberSchema } };
    const { output } = await responses.parse({ model, input: [user(sum)], text });
    const input = [user(sum), ...output, user(again)] as OpenAI.Responses.ResponseInput;
    return (await responses.parse({ model, input, text })).output_parsed;
  },
};

const anthropic: Client = {
  withTool: async (url) => {
    const { messages } = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
    const options = { model, max_tokens: 500, thinking: { type: 'adaptive' as const } };
    const tools = [{ name: 'weather', input_schema: citySchema }];
    const { content } = await messages.create({ ...options, messages: [user(question)], tools });
    const call = content.find((block) => block.type === 'tool_use');
    if (call === undefined) throw new Error('No call came.');
    const answer = { type: 'tool_result' as const, tool_use_id: call.id, content: result };
    const turns = [
      user(question),
      { role: 'assistant' as const, content },
      { role: 'user' as const, content: [answer] },
    ];
    const last = (await messages.create({ ...options, messages: turns, tools })).content.at(-1);
    return last?.type === 'text' ? last.text : undefined;
  },
  withSchema: async (url) => {
    const { messages } = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
    const output_config = { format: { type: 'json_schema' as const, schema: numberSchema } };
    const options = { model, max_tokens: 500, output_config };
    const { content } = await messages.create({ ...options, messages: [user(sum)] });
    const turns = [user(sum), { role: 'assistant' as const, content }, user(again)];
    const last = (await messages.create({ ...options, messages: turns })).content.at(-1);
    return last?.type === 'text' ? JSON.parse(last.text) : undefined;
  },
};

const agents = (modelOf: (client: OpenAI) => OpenAIChatCompletionsModel | OpenAIResponsesModel): Client => {
  setTracingDisabled(true);
  const weather = agentTool({
    name: 'weather',
    description: 'The weather.',
    parameters: city,
    execute: async () => result,
  });
  return {
    withTool: async (url) => {
      const agent = new Agent({
        name: 'guide',
        instructions: 'Be brief.',
        model: modelOf(openai(url)),
        tools: [weather],
      });
      return (await new Runner().run(agent, question)).finalOutput;
    },
    withSchema: async (url) => {
      const agent = new Agent({ name: 'adder', model: modelOf(openai(url)), outputType: number });
      const first = await new Runner().run(agent, sum);
      return (await new Runner().run(agent, [...first.history, user(again)])).finalOutput;
    },
  };
};

/** Responses are not stored, so a client has to send the items of earlier turns, not their ids. */
const providerOptions = { openai: { store: false } };

const aiSdk = (modelOf: (url: string) => LanguageModel): Client => ({
  withTool: async (url) => {
    const weather = tool({ inputSchema: city, execute: async () => result });
    const { text } = await generateText({
      model: modelOf(url),
      prompt: question,
      tools: { weather },
      stopWhen: isStepCount(3),
      maxOutputTokens: 500,
      providerOptions,
    });
    return text;
  },
  withSchema: async (url) => {
    const options = {
      model: modelOf(url),
      output: Output.object({ schema: number }),
      maxOutputTokens: 500,
      providerOptions,
    };
    const { response } = await generateText({ ...options, messages: [user(sum)] });
    return (await generateText({ ...options, messages: [user(sum), ...response.messages, user(again)] })).output;
  },
});

const langchain = (clientOf: (url: string) => ChatOpenAI | ChatAnthropic): Client => ({
  withTool: async (url) => {
    const client = clientOf(url).bindTools([chatTool]);
    const first = await client.invoke([new HumanMessage(question)]);
    const answer = new ToolMessage({ content: result, tool_call_id: first.tool_calls?.[0]?.id ?? '' });
    return (await client.invoke([new HumanMessage(question), first, answer])).text;
  },
  withSchema: async (url) => {
    const client = clientOf(url).withStructuredOutput(number, { method: 'jsonSchema', includeRaw: true });
    const { raw } = await client.invoke([new HumanMessage(sum)]);
    return (await client.invoke([new HumanMessage(sum), raw, new HumanMessage(again)])).parsed;
  },
});

const clients: Readonly<Record<string, Client>> = {
  'openai (Node), chat': openaiChat,
  'openai (Node), responses': openaiResponses,
  '@anthropic-ai/sdk': anthropic,
  '@openai/agents, chat': agents((client) => new OpenAIChatCompletionsModel(client, model)),
  '@openai/agents, responses': agents((client) => new OpenAIResponsesModel(client, model)),
  'ai with @ai-sdk/openai-compatible': aiSdk((url) =>
    createOpenAICompatible({
      name: 'budgetforce',
      baseURL: `${url}/v1`,
      apiKey: key,
      supportsStructuredOutputs: true,
    }).chatModel(model),
  ),
  'ai with @ai-sdk/anthropic': aiSdk((url) => createAnthropic({ baseURL: `${url}/v1`, apiKey: key })(model)),
  'ai with @ai-sdk/openai, chat': aiSdk((url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).chat(model)),
  'ai with @ai-sdk/openai, responses': aiSdk((url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key })(model)),
  '@langchain/openai, chat': langchain(
    (url) => new ChatOpenAI({ model, apiKey: key, maxRetries: 0, configuration: { baseURL: `${url}/v1` } }),
  ),
  '@langchain/openai, responses': langchain(
    (url) =>
      new ChatOpenAI({
        model,
        apiKey: key,
        maxRetries: 0,
        useResponsesApi: true,
        configuration: { baseURL: `${url}/v1` },
      }),
  ),
  '@langchain/anthropic': langchain(
    (url) => new ChatAnthropic({ model, apiKey: key, maxRetries: 0, maxTokens: 500, anthropicApiUrl: url }),
  ),
};

/** The prompt of the second answer: a generation has two calls of the model, its thought and its answer. */
const secondPrompt = ({ requests }: ScriptedModel) => decode(requests[2]?.promptIds ?? []);

describe.each(Object.entries(clients))('%s in two turns', (name, client) => {
  it(`${name} answers from the result of a tool`, async () => {
    const { url, model: scripted } = await serve(calls);
    expect(await client.withTool(url)).toBe('Take a hat.');
    // Some clients parse the arguments and write them again without the space.
    expect(secondPrompt(scripted).replace('{"city":"Paris"}', '{"city": "Paris"}')).toContain('{"city": "Paris"}');
    for (const said of [question, result]) expect(secondPrompt(scripted)).toContain(said);
    expect(secondPrompt(scripted)).not.toContain('I look.');
  }, 20_000);

  it(`${name} gets objects of a schema`, async () => {
    const { url, model: scripted } = await serve(formed);
    expect(await client.withSchema(url)).toEqual({ number: 5 });
    for (const said of [sum, '{"number": 4}', again]) expect(secondPrompt(scripted)).toContain(said);
    expect(secondPrompt(scripted)).not.toContain('I look.');
    expect(scripted.requests[1]?.structure).toBeDefined();
  }, 20_000);
});
