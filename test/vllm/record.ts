import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { CompletionsModel } from '../../lambda/upstream/completions-model.ts';
import { ModelError } from '../../lambda/upstream/errors.ts';
import type { SegmentRequest } from '../../lambda/upstream/segment-model.ts';
import { greedyAnswersSchema, greedyFixture } from '../training/greedy-tokens.ts';
import { pins } from './pins.ts';
import { type RecordedStreams, recordedStreamsFile } from './recorded-streams.ts';
import { segmentOf } from './tap.ts';
import type { World } from './world.ts';

const IM_START = 638;
const IM_END = 639;

/** Runs segments on vLLM and writes what passes the tap to the fixtures of `npm test`. */
export async function recordStreams({ tap, client }: World): Promise<void> {
  const [question] = greedyAnswersSchema.parse(JSON.parse(await readFile(greedyFixture, 'utf8')));
  if (question === undefined) throw new Error('There is no recorded question.');
  const segment = (changes: Partial<SegmentRequest>): SegmentRequest => ({
    promptIds: question.prompt,
    maxTokens: 120,
    minTokens: 0,
    stopTokenIds: [IM_START, IM_END],
    sampling: { temperature: 0, seed: 1 },
    ...changes,
  });
  const calls: RecordedStreams['calls'] = [];
  const record = async (name: string, request: SegmentRequest, model = client.model) => {
    const server = new CompletionsModel({ baseUrl: `${tap.url}/v1`, servedModelName: model });
    try {
      for await (const _ of server.run(request, { signal: AbortSignal.timeout(60_000) }));
    } catch (error) {
      // Some of the recorded responses are refusals.
      if (!(error instanceof ModelError)) throw error;
    }
    const call = tap.calls.at(-1);
    if (call === undefined) throw new Error('No call passed the tap.');
    const body = z.looseObject({}).parse(JSON.parse(call.body));
    calls.push({ name, request: body, status: call.status, response: call.response });
    return call;
  };

  const thought = segmentOf(await record('thinking that ends by itself', segment({})));
  const withoutEnd = [...thought.prompt, ...thought.ids.slice(0, -1)];
  const masked = segmentOf(await record('masked minimum', segment({ minTokens: 100, maxTokens: 100 })));
  const longer = [...masked.prompt, ...masked.ids];
  await record('continued thinking, from the cache', segment({ promptIds: longer, maxTokens: 24, minTokens: 1 }));
  await record('cut by the maximum', segment({ maxTokens: 7 }));
  const answer = [...withoutEnd, IM_START, ...segmentIdsOf(thought.ids, question.output)];
  await record('answer with log-probabilities', segment({ promptIds: answer, topLogprobs: 2, stopTokenIds: [IM_END] }));
  await record(
    'answer with a stop text',
    segment({ promptIds: answer, stopTexts: ['answer'], stopTokenIds: [IM_END] }),
  );
  await record(
    'answer of a JSON schema',
    segment({
      promptIds: answer,
      sampling: { temperature: 1, seed: 2 },
      structure: { kind: 'json_schema', schema: booleanSchema },
    }),
  );
  await record('beyond the window', segment({ maxTokens: 4_000 }));
  await record('unknown model', segment({}), 'no-such-model');

  const streams: RecordedStreams = { vllm: pins.vllm, recorded: new Date().toISOString().slice(0, 10), calls };
  await mkdir(dirname(recordedStreamsFile), { recursive: true });
  await writeFile(recordedStreamsFile, `${JSON.stringify(streams, null, 2)}\n`);
}

const booleanSchema = {
  type: 'object',
  properties: { left: { type: 'boolean' } },
  required: ['left'],
  additionalProperties: false,
};

/** The ids that open the answer after the thought, as the greedy output has them: up to the first line's end. */
function segmentIdsOf(thought: readonly number[], output: readonly number[]): readonly number[] {
  const NEWLINE = 198;
  const opened = output.slice(thought.length);
  return opened.slice(0, opened.indexOf(NEWLINE) + 1);
}
