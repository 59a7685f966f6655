import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CalibrationOptions, calibrate } from '../../../evaluate/calibration/calibrate.ts';
import { calibrationPlots, calibrationText } from '../../../evaluate/calibration/calibration-report.ts';
import { splitQuestions } from '../../../evaluate/calibration/split-questions.ts';
import { upperBound95 } from '../../../evaluate/statistics/clopper-pearson.ts';
import { calibrationSchema } from '../../../lambda/settings/calibration.ts';
import { publishedModels, scriptedApi } from '../scripted-api.ts';

const questions = Array.from({ length: 80 }, (_, index) => ({
  id: `q${index}`,
  question: `What is ${index}?`,
  answer: String(index),
}));

/** A model that slips on every fourth question, with an improbable token; a Wait corrects it. */
const isSlip = (number: number) => number % 4 === 0;
const confidenceOf = (number: number) => (isSlip(number) ? 0.1 : 0.8);

let api: Awaited<ReturnType<typeof scriptedApi>>;
let out: string;
let logprobs: boolean;

beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'calibrate-'));
  logprobs = true;
  api = await scriptedApi(({ body }, response) => answer(body, response), publishedModels);
});

afterEach(async () => {
  api.close();
  await rm(out, { recursive: true });
});

// biome-ignore lint/suspicious/noExplicitAny: a body of the API
function answer(body: any, response: ServerResponse) {
  const { thinking } = body;
  const number = Number(/\d+/.exec(body.messages[0].content)?.[0]);
  const gated = thinking.wait_when === 'unsure' && confidenceOf(number) >= thinking.unsure_below;
  const waits = gated ? 0 : (thinking.waits ?? 0);
  const right = waits > 0 || !isSlip(number);
  const tokens = 10 + 20 * waits;
  const entry = (token: string, probability: number | null) => ({
    token,
    logprob: probability === null ? null : Math.log(probability),
    top_logprobs: [{ token, logprob: Math.log(probability ?? 1) }],
  });
  const thought = [entry('a', 0.9), entry('b', confidenceOf(number)), ...(waits > 0 ? [entry('Wait', null)] : [])];
  const event = (data: unknown) => response.write(`data: ${JSON.stringify(data)}\n\n`);
  event({
    choices: [
      {
        delta: { reasoning_content: 'ab' },
        logprobs: logprobs && thinking.logprobs ? { reasoning_content: thought } : null,
      },
    ],
  });
  event({ choices: [{ delta: { content: right ? `${number}` : '-1' }, finish_reason: 'stop' }] });
  event({
    choices: [],
    budget_forcing: { thinking_tokens: tokens, answer_tokens: 1, forced_tokens: 0, waits, end_reason: 'model' },
  });
  response.end('data: [DONE]\n\n');
}

const options = (changed: Partial<CalibrationOptions> = {}): CalibrationOptions => ({
  api: { baseUrl: api.url, model: 'm', apiKey: undefined, temperature: undefined },
  target: 'here',
  weights: 'w',
  prompt: '{question}',
  questions,
  file: { sha256: '0'.repeat(64), first: 1, last: 80 },
  grader: undefined,
  splitSeed: 0,
  seeds: 1,
  maxWaits: 1,
  measures: ['min_token', 'tail'],
  tolerance: 0.005,
  sureAbove: [],
  id: 'c',
  date: '2026-01-02',
  concurrency: 4,
  out,
  signal: new AbortController().signal,
  ...changed,
});

describe('a calibration', () => {
  it('finds the threshold between slips and the rest, and judges it on the other half', async () => {
    const { calibration, policies, chosen } = await calibrate(options());
    expect(calibrationSchema.parse(calibration)).toEqual(calibration);
    expect(chosen.measure).toBe('min_token');
    expect(calibration.unsureBelow).toBeCloseTo(0.45, 4);
    const { heldOut } = splitQuestions(questions, 0);
    const slips = heldOut.filter(({ answer: expected }) => isSlip(Number(expected))).length;
    const row = (name: string) => calibration.rows[policies.findIndex((policy) => policy.name === name)];
    expect(row('natural')).toMatchObject({ questions: 40, wrong: slips });
    expect(row('natural')?.wrongUpper95).toBeCloseTo(upperBound95(slips, 40), 3);
    expect(row('unsure-wait-1')).toMatchObject({ wrong: 0, unsureBelow: calibration.unsureBelow });
    expect(row('unsure-wait-1')?.meanTokens).toBeLessThan(row('wait-1')?.meanTokens ?? 0);
    expect(calibration.provenance).toMatchObject({
      date: '2026-01-02',
      weights: 'w',
      questions: { calibration: 40, heldOut: 40, first: 1, last: 80 },
    });
  });

  it('asks the policies with the maxima and gates of their rows, on the held-out half only', async () => {
    const { calibration } = await calibrate(options());
    const texts = new Set(splitQuestions(questions, 0).heldOut.map(({ question }) => question));
    const gated = api.received.filter(({ body }) => body.thinking.wait_when === 'unsure');
    const row = calibration.rows.find(({ waitWhen }) => waitWhen === 'unsure');
    expect(gated).toHaveLength(40);
    for (const { body } of gated) {
      expect(texts).toContain(body.messages[0].content);
      expect(body.thinking).toMatchObject({
        waits: row?.waits,
        max_tokens: row?.maxTokens,
        unsure_below: row?.unsureBelow,
        confidence_measure: 'min_token',
      });
    }
  });

  it('continues where it was interrupted, with the same result', async () => {
    const whole = await calibrate(options());
    const asked = api.received.length;
    const other = await mkdtemp(join(tmpdir(), 'calibrate-'));
    const controller = new AbortController();
    const stop = setInterval(() => {
      if (api.received.length > asked + 30) controller.abort(new Error('Interrupted.'));
    }, 1);
    await expect(calibrate(options({ out: other, signal: controller.signal }))).rejects.toThrow('Interrupted.');
    clearInterval(stop);
    const again = await calibrate(options({ out: other }));
    expect(again).toEqual(whole);
    expect(api.received.length).toBe(2 * asked);
    await rm(other, { recursive: true });
  });

  it('asks nothing again for another tolerance, and counts one answer to a question in its bounds', async () => {
    const { calibration } = await calibrate(options({ seeds: 2 }));
    expect(calibration.rows.every((row) => row.questions === 40)).toBe(true);
    const asked = api.received.length;
    await calibrate(options({ seeds: 2, tolerance: 0 }));
    expect(api.received.length).toBe(asked);
  });

  it('chooses the highest of equally cheap thresholds of probes', async () => {
    const { calibration } = await calibrate(options({ sureAbove: [0.9, 0.99] }));
    expect(calibration.sureAbove).toBe(0.99);
  });

  it('draws plots and tables', async () => {
    const result = await calibrate(options({ sureAbove: [0.9] }));
    const plots = calibrationPlots(result);
    expect(Object.keys(plots)).toEqual([
      'threshold-accuracy.svg',
      'threshold-tokens.svg',
      'reliability.svg',
      'roc.svg',
    ]);
    for (const svg of Object.values(plots)) expect(svg).not.toMatch(/NaN|Infinity|https?:\/\/(?!www\.w3\.org)/);
    expect(plots['roc.svg']).toContain('min_token, AUC 1.000');
    expect(calibrationText(result)).toMatch(/unsure-wait-1 +100\.0 %/);
  });
});

describe('a calibration is refused', () => {
  it('with too few questions', async () => {
    await expect(calibrate(options({ questions: questions.slice(0, 39) }))).rejects.toThrow(
      'calibrate needs at least 40 questions, half of which are held out, but there are 39.',
    );
    expect(api.received).toEqual([]);
  });

  it('with questions that are all the same', async () => {
    const same = questions.map((question) => ({ ...question, question: 'What is 1?' }));
    await expect(calibrate(options({ questions: same }))).rejects.toThrow('too few different texts');
  });

  it('if the server gives no log-probabilities', async () => {
    logprobs = false;
    await expect(calibrate(options())).rejects.toThrow('without a log-probability for each token');
  });

  it('if every natural answer is right or wrong', async () => {
    const easy = questions.map((question, index) => ({ ...question, question: `What is ${4 * index + 1}?` }));
    const right = easy.map((question, index) => ({ ...question, answer: String(4 * index + 1) }));
    await expect(calibrate(options({ questions: right }))).rejects.toThrow('are right, so no confidence');
    const folder = await mkdtemp(join(tmpdir(), 'calibrate-'));
    const wrong = easy.map((question) => ({ ...question, answer: '7000' }));
    await expect(calibrate(options({ questions: wrong, out: folder }))).rejects.toThrow('are wrong, so no confidence');
    await rm(folder, { recursive: true });
  });

  it('in a folder of another run, which stays as it is', async () => {
    await calibrate(options());
    const before = await readFile(join(out, 'settings.json'), 'utf8');
    for (const [changed, name] of [
      [{ splitSeed: 1 }, 'splitSeed'],
      [{ weights: 'v' }, 'weights'],
      [{ prompt: 'Q: {question}' }, 'prompt'],
      [{ file: { sha256: '1'.repeat(64), first: 1, last: 80 } }, 'questions'],
    ] as const)
      await expect(calibrate(options(changed))).rejects.toThrow(`another ${name}`);
    expect(await readFile(join(out, 'settings.json'), 'utf8')).toBe(before);
  });
});
