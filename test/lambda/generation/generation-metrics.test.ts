import { readFileSync } from 'node:fs';
import { ValidationError } from '@aws-sdk/client-sagemaker-runtime';
import { Ajv } from 'ajv';
import { Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RequestMetrics, requestMetrics } from '../../../lambda/generation/generation-metrics.ts';
import { ModelRejectedError, StreamBrokenError } from '../../../lambda/upstream/errors.ts';
import { fromSageMakerError } from '../../../lambda/upstream/sagemaker-errors.ts';
import { statusToError } from '../../../lambda/upstream/status-to-error.ts';
import { budgetMetric } from '../../../lib/facts/metrics.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, type ScriptedSegment, scriptedApp } from '../scripted-world.ts';

const path = '/v1/chat/completions';
const thinks = (says: string) => ({ says, ends: IM_START });
const answers = (says: string) => ({ says, ends: IM_END });

/** AWS's own schema of a log line in embedded metric format. */
const isEmbeddedMetric = new Ajv().compile(
  JSON.parse(readFileSync(new URL('fixtures/embedded-metric-format.schema.json', import.meta.url), 'utf8')),
);

const lineSchema = z.looseObject({
  Endpoint: z.string(),
  Model: z.string(),
  _aws: z.object({
    Timestamp: z.number(),
    CloudWatchMetrics: z.tuple([
      z.object({
        Namespace: z.string(),
        Dimensions: z.tuple([z.array(z.string())]),
        Metrics: z.array(z.object({ Name: z.string(), Unit: z.string() })),
      }),
    ]),
  }),
});

/** The metrics that CloudWatch extracts from a log line, after the checks that it makes. */
function metricsOf(line: unknown): Record<string, number> {
  expect(isEmbeddedMetric(line), JSON.stringify(isEmbeddedMetric.errors)).toBe(true);
  const parsed = lineSchema.parse(JSON.parse(JSON.stringify(line)));
  const [directive] = parsed._aws.CloudWatchMetrics;
  for (const name of directive.Dimensions[0]) expect(parsed[name]).toEqual(expect.any(String));
  return Object.fromEntries(directive.Metrics.map(({ Name }) => [Name, z.number().parse(parsed[Name])]));
}

describe('the metrics of a generation', () => {
  it('a log line contains the metrics of its generation, in embedded metric format', async () => {
    const { app, log } = scriptedApp([thinks('\nshort'), { says: 'x'.repeat(90) }, answers(' 2')]);
    await app.request(path, chat({ thinking: { min_tokens: 20, max_tokens: 20 } }));
    expect(log).toHaveLength(1);
    expect(metricsOf(log[0])).toEqual({
      WantedThinkingTokens: 20,
      GrantedThinkingTokens: 20,
      UsedThinkingTokens: 20,
      ForcedTokens: log[0]?.['forcedTokens'],
      TimeToFirstToken: expect.any(Number),
      TimeToAnswer: expect.any(Number),
      LoadCuts: 0,
      Failures: 0,
    });
    expect(log[0]?.['forcedTokens']).toBeGreaterThan(1);
    expect(log[0]).toMatchObject({ endReason: 'budget', Endpoint: 'localhost:1', Model: 'scripted' });
    expect(log[0]).toMatchObject({ request_id: expect.stringMatching(/^req_/), limits: { maxTokens: 20 } });
    expect(log[0]).toMatchObject({ _aws: { Timestamp: 1_700_000_000_000 } });
  });

  it('the metrics contain both wanted and granted tokens if the limits shrank', async () => {
    const { app, log } = scriptedApp([thinks('a'), answers('b')]);
    await app.request(path, chat({ reasoning_effort: 'high', max_completion_tokens: 40 }));
    const { WantedThinkingTokens, GrantedThinkingTokens } = metricsOf(log[0]);
    expect(WantedThinkingTokens).toBe(100);
    expect(GrantedThinkingTokens).toBeLessThan(40);
  });

  it('the metrics of a failed generation count the failure and omit values that it never had', async () => {
    const { app, log } = scriptedApp([{ says: '', fails: new ModelRejectedError('No.') }]);
    await app.request(path, chat({}));
    expect(metricsOf(log.find(({ message }) => message === 'generation'))).toEqual({
      WantedThinkingTokens: 200,
      GrantedThinkingTokens: 200,
      Failures: 1,
    });
  });

  it('the metrics have the names, dimensions and namespace that dashboard and alarms use', () => {
    const all: Required<RequestMetrics> = {
      WantedThinkingTokens: 1,
      GrantedThinkingTokens: 1,
      UsedThinkingTokens: 1,
      ForcedTokens: 1,
      TimeToFirstToken: 1,
      TimeToAnswer: 1,
      LoadCuts: 0,
      Failures: 0,
    };
    const upstream = { kind: 'sagemaker', endpointName: 'stage' } as const;
    const line = lineSchema.parse(requestMetrics({ id: 'm', upstream }, all, 1));
    const [{ Namespace, Metrics }] = line._aws.CloudWatchMetrics;
    expect(Metrics.map(({ Name }) => Name)).toEqual(Object.keys(all));
    for (const name of Object.keys(all) as (keyof RequestMetrics)[]) {
      const metric = budgetMetric(name, { endpointName: 'stage', modelId: 'm' });
      expect(metric.namespace).toBe(Namespace);
      expect(metric.dimensions).toEqual({ Endpoint: line.Endpoint, Model: line.Model });
      expect(new Stack().resolve(metric.metricName)).toBe(name);
    }
  });
});

describe('the privacy of the log', () => {
  const secret = 'zyxsecret';
  const user = { messages: [{ role: 'user', content: `q ${secret}` }] };
  const requests: Record<string, readonly [string, object]> = {
    'a chat': [path, {}],
    'a chat as a stream': [path, { stream: true }],
    'a chat with several samples': [path, { n: 2 }],
    'a chat with a stop text': [path, { stop: [secret] }],
    'a chat with a wait text': [path, { thinking: { waits: 1, wait_text: ` ${secret}` } }],
    'a chat with a tool': [
      path,
      {
        tools: [{ type: 'function', function: { name: secret, description: secret, parameters: { type: 'object' } } }],
      },
    ],
    'a chat with a wrong field': [path, { [secret]: secret, temperature: secret }],
    'a Responses request': ['/v1/responses', { input: `q ${secret}`, messages: undefined, instructions: secret }],
    'a Messages request': ['/v1/messages', { max_tokens: 100, system: secret }],
    'a Messages request as a stream': ['/v1/messages', { max_tokens: 100, stream: true }],
    'a request to count tokens': ['/v1/messages/count_tokens', {}],
  };
  const worlds: Record<string, () => readonly ScriptedSegment[]> = {
    'that succeeds': () => [thinks(`t ${secret}`), answers(`a ${secret}`), thinks(secret), answers(secret)],
    'whose model server rejects it and quotes it': () => [
      { says: secret, fails: statusToError(400, JSON.stringify({ message: `not this: "${secret}"` })) },
    ],
    'whose model server fails and quotes it': () =>
      Array.from({ length: 4 }, () => ({ says: '', fails: statusToError(500, `trace of ${secret}`) })),
    'whose stream breaks': () =>
      Array.from({ length: 9 }, () => ({ says: '', fails: new StreamBrokenError('The stream broke.') })),
    'that fails with an unexpected error': () => [{ says: secret, fails: unexpectedError(secret) }],
  };
  const cases = Object.keys(requests).flatMap((what) => Object.keys(worlds).map((how) => [what, how] as const));

  it.each(cases)('the log contains no text of %s %s', async (what, how) => {
    const [url, changes] = requests[what] ?? [path, {}];
    const { app, log } = scriptedApp(worlds[how]?.() ?? []);
    const response = await app.request(url, chat({ ...user, ...changes }));
    await response.text();
    expect(JSON.stringify(log)).not.toContain(secret);
  });

  it('the log contains no text of a call that SageMaker rejects and quotes', async () => {
    const error = new ValidationError({ message: `Value '${secret}' is too long`, $metadata: {} });
    const { app, log } = scriptedApp([{ says: '', fails: fromSageMakerError(error) }]);
    expect((await app.request(path, chat(user))).status).toBeGreaterThanOrEqual(500);
    expect(log.some(({ message }) => message === 'request failed')).toBe(true);
    expect(JSON.stringify(log)).not.toContain(secret);
  });
});

/** A SyntaxError of JSON.parse, whose message quotes the text. */
function unexpectedError(text: string): Error {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error instanceof Error ? error : new Error('No Error.');
  }
}
