import * as z from 'zod';
import { rules } from './check-rules.ts';
import { ApiError, type ChatBody } from './client.ts';
import { type Feature, idle, must } from './feature.ts';
import { segmentOf } from './tap.ts';
import type { Row, World } from './world.ts';

const QUESTION = 'Ann has 34 apples. She buys 27 more and gives 12 away. How many apples does she have now?';
const greedy = { temperature: 0, seed: 1 };

const features: readonly Feature[] = [
  ['abort', checkAborts],
  ['stop text', checkStop],
  ['log-probabilities', checkLogprobs],
  ['n', checkSamples],
  ['JSON schema', checkSchema],
  ['JSON object', checkObject],
  ['forced tool call', checkTool],
  ['context overflow', checkOverflow],
  ['LoRA name', checkLora],
  ...rules,
];

export async function* checkFeatures(world: World): AsyncGenerator<Row> {
  for (const [check, run] of features) {
    try {
      yield { check, figures: await run(world), wrong: [] };
    } catch (error) {
      yield { check, figures: '', wrong: [String(error)] };
    }
  }
}

/** A client that leaves after some tokens: how many tokens does the server generate that nobody reads? */
async function checkAborts({ client, vllm, tap }: World): Promise<string> {
  const [READ, ROUNDS] = [20, 9];
  // The first streams of a process load code while the server, which serves a tiny model, is done in two seconds.
  for (let warmUp = 0; warmUp < 3; warmUp++) await client.ask(QUESTION, { stream: true });
  const after: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await idle(vllm);
    const before = await vllm.counter('vllm:generation_tokens_total');
    tap.calls.length = 0;
    let read = 0;
    for await (const _ of client.events(QUESTION, { thinking: { min_tokens: 1_200, max_tokens: 1_200, waits: 0 } })) {
      if (++read === READ) break;
    }
    // On busy cores the server may be far ahead of its readers when the client leaves.
    const passed = tap.calls.reduce((total, call) => total + segmentOf(call).ids.length, 0);
    await idle(vllm);
    after.push((await vllm.counter('vllm:generation_tokens_total')) - before - passed);
  }
  const sorted = after.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(ROUNDS / 2)] ?? Number.NaN;
  must(median <= 16, `${after.join(', ')} tokens were generated after the client left`);
  return `of 1,200 tokens, the client reads ${READ} and leaves; generated after that: median ${median}, in order ${after.join(', ')}`;
}

async function checkStop({ client }: World): Promise<string> {
  const whole = await client.ask(QUESTION, greedy);
  const digits = /\d+/.exec(whole.content)?.[0];
  must(digits !== undefined, `the greedy answer ${JSON.stringify(whole.content)} has no number`);
  const cut = await client.ask(QUESTION, { ...greedy, stop: [digits] });
  must(cut.thought === whole.thought, 'the stop text changed the thinking');
  must(cut.finishReason === 'stop', `finish_reason is ${cut.finishReason}`);
  must(
    cut.content === whole.content.slice(0, whole.content.indexOf(digits)),
    `the answer is ${JSON.stringify(cut.content)}`,
  );
  return `the answer ends before ${JSON.stringify(digits)}; the same text in the thinking does not end it`;
}

async function checkLogprobs({ client }: World): Promise<string> {
  const completion = await client.complete(QUESTION, { ...greedy, logprobs: true, top_logprobs: 3 });
  const [choice] = completion.choices;
  const tokens = choice?.logprobs?.content ?? [];
  const text = tokens.map(({ token }) => token).join('');
  must(
    choice?.message.content?.trim() === text.trim(),
    `the tokens are ${JSON.stringify(text)}, the answer ${JSON.stringify(choice?.message.content)}`,
  );
  must(
    tokens.every(({ logprob, top_logprobs }) => logprob <= 0 && top_logprobs.length === 3),
    'a token has no three log-probabilities',
  );
  must(
    tokens.every(({ logprob, top_logprobs }) => Math.abs((top_logprobs[0]?.logprob ?? 1) - logprob) < 1e-4),
    'a greedy token is not the most likely',
  );
  return `${tokens.length} tokens, which together are the answer; each is the most likely of its three`;
}

async function checkSamples({ client }: World): Promise<string> {
  const completion = await client.complete(QUESTION, {
    n: 4,
    seed: 3,
    temperature: 2,
    thinking: { min_tokens: 50, max_tokens: 50 },
  });
  const thoughts = completion.choices.map(({ budget_forcing }) => budget_forcing?.thinking_tokens);
  must(
    thoughts.length === 4 && thoughts.every((tokens) => tokens === 50),
    `thinking tokens are ${thoughts.join(', ')}`,
  );
  must(completion.usage.completion_tokens_details.reasoning_tokens === 200, 'usage does not add the samples up');
  const different = new Set(completion.choices.map(({ message }) => message.reasoning_content)).size;
  must(different > 1, 'all samples are the same');
  return `4 samples with 50 tokens of thinking each, ${different} different`;
}

const answerSchema = z.strictObject({ apples: z.int(), left: z.boolean() });
const jsonSchema = {
  type: 'object',
  properties: { apples: { type: 'integer' }, left: { type: 'boolean' } },
  required: ['apples', 'left'],
  additionalProperties: false,
};

async function checkSchema({ client }: World): Promise<string> {
  const format = { type: 'json_schema', json_schema: { name: 'apples', schema: jsonSchema } };
  return await jsonAnswers(client, { response_format: format }, (value) => answerSchema.parse(value));
}

async function checkObject({ client }: World): Promise<string> {
  return await jsonAnswers(client, { response_format: { type: 'json_object' } }, (value) =>
    z.record(z.string(), z.unknown()).parse(value),
  );
}

/** A small model that was never trained on JSON writes nonsense, but it must be JSON of the form, or be cut at the maximum. */
async function jsonAnswers(
  client: World['client'],
  body: ChatBody,
  parse: (value: unknown) => unknown,
): Promise<string> {
  let ended = 0;
  const COUNT = 8;
  const problems: string[] = [];
  for (let seed = 0; seed < COUNT; seed++) {
    const { content, finishReason, report } = await client.ask(QUESTION, {
      ...body,
      seed,
      thinking: { min_tokens: 40, max_tokens: 40 },
      max_completion_tokens: 400,
    });
    must(report.thinking_tokens === 40, `thinking tokens are ${report.thinking_tokens}`);
    if (/\s{12,}/.test(content))
      problems.push(`the answer has endless whitespace: ${JSON.stringify(content.slice(0, 80))}`);
    if (finishReason !== 'stop') continue;
    parse(JSON.parse(content));
    ended++;
  }
  must(problems.length === 0, problems.join('; '));
  must(ended > 0, `none of ${COUNT} answers ended`);
  return `${ended} of ${COUNT} answers ended and fulfil the form, the others reached the maximum without idle whitespace`;
}

async function checkTool({ client }: World): Promise<string> {
  let called = 0;
  const COUNT = 8;
  for (let seed = 0; seed < COUNT; seed++) {
    const completion = await client.complete(QUESTION, {
      seed,
      thinking: { min_tokens: 40, max_tokens: 40 },
      max_completion_tokens: 400,
      tools: [{ type: 'function', function: { name: 'count_apples', parameters: jsonSchema } }],
      tool_choice: { type: 'function', function: { name: 'count_apples' } },
    });
    const [choice] = completion.choices;
    must(completion.budget_forcing?.thinking_tokens === 40, 'the thinking is not exact');
    if (choice?.finish_reason !== 'tool_calls') continue;
    const [call] = choice.message.tool_calls ?? [];
    must(call?.function.name === 'count_apples', 'another tool was called');
    answerSchema.parse(JSON.parse(call.function.arguments));
    called++;
  }
  must(called > 0, `none of ${COUNT} answers is a tool call`);
  return `${called} of ${COUNT} answers are a call with arguments of the schema, the others reached the maximum`;
}

async function checkOverflow({ client }: World): Promise<string> {
  const error = await client.ask('apples '.repeat(3_000)).catch((caught: unknown) => caught);
  must(
    error instanceof ApiError && error.status === 400,
    `the answer to a prompt beyond the window is ${String(error)}`,
  );
  const tight = await client
    .ask('apples '.repeat(300), { thinking: { min_tokens: 5, max_tokens: 1_500 }, max_completion_tokens: 1_500 })
    .catch((caught: unknown) => caught);
  const outcome = tight instanceof ApiError ? `status ${tight.status}` : 'an answer within the window';
  must(!(tight instanceof Error) || tight instanceof ApiError, String(tight));
  return `status 400 with ${JSON.stringify(error.message.slice(0, 120))}; a prompt near the limit gives ${outcome}`;
}

async function checkLora({ client, withAdapter }: World): Promise<string> {
  const body = { ...greedy, thinking: { min_tokens: 64, max_tokens: 64 } };
  const base = await client.ask(QUESTION, body);
  const adapted = await withAdapter((adapter) => adapter.ask(QUESTION, body));
  must(adapted.report.thinking_tokens === 64 && base.report.thinking_tokens === 64, 'the thinking is not exact');
  must(adapted.thought !== base.thought, 'the adapter thinks as its base does');
  const again = await client.ask(QUESTION, body);
  must(again.thought === base.thought, 'the base thinks as its adapter does');
  return 'an adapter by its name thinks exactly 64 tokens, other ones than its base';
}
