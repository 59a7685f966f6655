import { createHash } from 'node:crypto';
import { UsageError } from '../../cli/usage-error.ts';
import { type ConfidenceMeasure, confidenceMeasures, topTokensOf } from '../../lambda/forcing/confidence.ts';
import { type Calibration, calibrationSchema } from '../../lambda/settings/calibration.ts';
import { type Api, askWithTokens } from '../ask.ts';
import { checkPublished } from '../check-published.ts';
import { gradeAnswer } from '../grade.ts';
import type { ExternalGrader } from '../graders/external.ts';
import { Progress } from '../progress.ts';
import type { Question } from '../questions/question.ts';
import { runTasks } from '../run-tasks.ts';
import { leastTrials, upperBound95 } from '../statistics/clopper-pearson.ts';
import { answerKey, type CalibrationAnswer, CalibrationFolder } from './calibration-folder.ts';
import {
  type ChosenThreshold,
  chooseMeasure,
  chooseThreshold,
  type ThresholdPoint,
  type Trial,
  thresholdCurve,
} from './choose-threshold.ts';
import { type Judged, judge } from './judge.ts';
import { type Confidences, measurePasses } from './measure-passes.ts';
import { policiesOf, thinkingOf } from './policies.ts';
import { splitQuestions } from './split-questions.ts';

/** Fewest questions: half of them is held out. */
const LEAST_QUESTIONS = 40;

export interface CalibrationOptions {
  readonly api: Api;
  /** Name of the API in the folder: its URL, or `embedded`. */
  readonly target: string;
  /** SHA-256 of the model's weights. @default - what `/v1/models` publishes */
  readonly weights: string | undefined;
  /** The user's message, with `{question}` in it. */
  readonly prompt: string;
  readonly questions: readonly Question[];
  /** Where the questions came from: hash of the file, and rows from 1. */
  readonly file: { readonly sha256: string; readonly first: number; readonly last: number };
  /** @default - each question's own */
  readonly grader: ExternalGrader | undefined;
  readonly splitSeed: number;
  /** Seeds per question. */
  readonly seeds: number;
  /** Most Waits of a policy, 1 or more. */
  readonly maxWaits: number;
  readonly measures: readonly ConfidenceMeasure[];
  /** Accuracy that a threshold may lose to save tokens, as a share. */
  readonly tolerance: number;
  /** Candidates of `sureAbove`. Empty: it is not calibrated. */
  readonly sureAbove: readonly number[];
  readonly id: string;
  /** Day, for example `2026-11-26`. */
  readonly date: string;
  readonly concurrency: number;
  /** The folder. */
  readonly out: string;
  readonly signal: AbortSignal;
}

/** A measure: what its chosen threshold gives on the calibration half, and how well it tells right from wrong on each half. */
export interface MeasuredConfidence {
  readonly measure: ConfidenceMeasure;
  readonly curve: readonly ThresholdPoint[];
  readonly chosen: ThresholdPoint;
}

export interface CalibrationResult {
  readonly calibration: Calibration;
  readonly chosen: ChosenThreshold;
  readonly measures: readonly MeasuredConfidence[];
  /** Natural thoughts of the held-out half. */
  readonly heldOut: readonly { readonly confidences: Confidences; readonly right: boolean }[];
  /** Policies on the held-out half, natural among them. */
  readonly policies: readonly Judged[];
  /** Candidates of `sureAbove` on the calibration half. */
  readonly sure: readonly (Judged & { readonly sureAbove: number })[];
  /** The chosen `sureAbove` on the held-out half. `undefined` if it was not calibrated. */
  readonly sureHeldOut: Judged | undefined;
  /** Share of the calibration answers whose thought begins alike with and without a Wait, as with a deterministic engine. */
  readonly sameBeginning: number;
  /** What a reader should know, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Chooses thresholds on one half of the questions and judges them on the other. Asks what has no answer in the folder.
 *
 * @throws {UsageError} if there are too few questions, the folder holds another run, or no threshold can be chosen
 */
export async function calibrate(options: CalibrationOptions): Promise<CalibrationResult> {
  const { api, questions, seeds, splitSeed, measures, tolerance } = options;
  if (questions.length < LEAST_QUESTIONS)
    throw new UsageError(
      `calibrate needs at least ${LEAST_QUESTIONS} questions, half of which are held out, but there are ${questions.length}. For a risk of 0.05 it needs at least ${2 * leastTrials(0.05)}.`,
    );
  const published = await checkPublished(api, []);
  if (published.maxWaits !== undefined && options.maxWaits > published.maxWaits)
    throw new UsageError(`--waits is ${options.maxWaits}, but ${api.model} has at most ${published.maxWaits} Waits.`);
  const weights = options.weights ?? published.weights ?? null;
  const halves = splitQuestions(questions, splitSeed);
  if (halves.calibration.length < LEAST_QUESTIONS / 4 || halves.heldOut.length < LEAST_QUESTIONS / 4)
    throw new UsageError(
      `${questions.length} questions have too few different texts to be split in halves. Give questions that differ.`,
    );
  const folder = await CalibrationFolder.open(options.out, {
    format: 1,
    model: api.model,
    weights,
    target: options.target,
    temperature: api.temperature ?? null,
    prompt: options.prompt,
    grader: options.grader?.name ?? null,
    questions: options.file,
    splitSeed,
  });
  const ask = async (what: string, requests: readonly Asked[], half: readonly Question[]) =>
    await askAll(what, requests, half, folder, options);

  const logprobs = { logprobs: true, top_logprobs: Math.max(...measures.map(topTokensOf)) };
  const always = { ...logprobs, wait_when: 'always' };
  const sureRequests = options.sureAbove.map((sureAbove) => ({ stop_when: 'sure', sure_above: sureAbove }));
  const [natural = [], wait = [], ...sureAnswers] = await ask(
    'choosing thresholds',
    [{ ...always, waits: 0 }, { ...always, waits: 1 }, ...sureRequests],
    halves.calibration,
  );
  const pairs = natural.flatMap((one, index) => {
    const other = wait[index];
    return other === undefined ? [] : [{ natural: one, wait: other }];
  });
  const trials = pairs.map(
    (pair): Trial => ({
      confidences: confidencesOf(pair.natural),
      natural: { right: pair.natural.correct, tokens: pair.natural.tokens },
      wait: { right: pair.wait.correct, tokens: pair.wait.tokens },
    }),
  );
  checkTrials(trials);
  const measured = measures.flatMap((measure): MeasuredConfidence[] => {
    const curve = thresholdCurve(trials, measure);
    const chosen = chooseThreshold(curve, tolerance);
    return chosen === undefined ? [] : [{ measure, curve, chosen }];
  });
  const chosen = chooseMeasure(
    measured.map(({ measure, chosen: point }) => ({ measure, ...point })),
    tolerance,
  );
  if (chosen === undefined)
    throw new UsageError(
      `Thoughts of ${api.model} came without a log-probability for each token, which calibrate needs. Use a server that returns them, and look at --measures.`,
    );
  const sure = options.sureAbove.map((sureAbove, index) => ({
    sureAbove,
    ...judge(`sure-${sureAbove}`, sureAnswers[index] ?? [], natural),
  }));
  const naturalJudged = judge('natural', natural, natural);
  const bestSure = chooseSure(sure, naturalJudged, tolerance);

  const policies = policiesOf(
    { natural: natural.map(({ thinkingTokens }) => thinkingTokens), wait: wait.map((each) => each.thinkingTokens) },
    { maxWaits: options.maxWaits, unsureBelow: chosen.unsureBelow, ceiling: published.maxTokens ?? 1_000_000 },
  );
  const requests = policies.map((policy) => ({
    ...thinkingOf(policy, chosen.measure),
    // The curves on the held-out half need the confidences of natural thoughts.
    ...(policy.name === 'natural' ? logprobs : {}),
  }));
  const judgedAnswers = await ask(
    'judging on held-out questions',
    [...requests, ...(bestSure === undefined ? [] : [{ stop_when: 'sure', sure_above: bestSure.sureAbove }])],
    halves.heldOut,
  );
  const naturalHeldOut = judgedAnswers[policies.findIndex(({ name }) => name === 'natural')] ?? [];
  const judged = policies.map((policy, index) => judge(policy.name, judgedAnswers[index] ?? [], naturalHeldOut));
  const sureHeldOut =
    bestSure === undefined ? undefined : judge('sure', judgedAnswers[policies.length] ?? [], naturalHeldOut);

  const rows = policies.map(({ name: _, ...policy }, index) => {
    // One answer to a question: further ones are not independent, and the bound would be too low.
    const first = (judgedAnswers[index] ?? []).filter(({ seed }) => seed === 0);
    const wrong = first.filter(({ correct }) => !correct).length;
    return {
      ...policy,
      questions: first.length,
      wrong,
      wrongUpper95: roundUp(upperBound95(wrong, first.length)),
      meanTokens: Math.round((judged[index]?.meanTokens ?? 0) * 10) / 10,
    };
  });
  const calibration = calibrationSchema.parse({
    id: options.id,
    measure: chosen.measure,
    unsureBelow: chosen.unsureBelow,
    ...(bestSure === undefined ? {} : { sureAbove: bestSure.sureAbove }),
    rows,
    provenance: {
      date: options.date,
      model: api.model,
      weights,
      temperature: api.temperature ?? null,
      questions: { ...options.file, calibration: halves.calibration.length, heldOut: halves.heldOut.length },
      splitSeed,
      seeds,
    },
  });
  const sameBeginning =
    pairs.filter((pair) => pair.wait.thought.startsWith(pair.natural.thought.trimEnd())).length / pairs.length;
  const skipped = measures.filter((measure) => measured.every((each) => each.measure !== measure));
  return {
    calibration,
    chosen,
    measures: measured,
    heldOut: naturalHeldOut.map((answer) => ({ confidences: confidencesOf(answer), right: answer.correct })),
    policies: judged,
    sure,
    sureHeldOut,
    sameBeginning,
    notes: [
      chosen.unsureBelow === 0 &&
        'No Wait pays on these questions: within the tolerance, natural thinking is as accurate as any Wait.',
      bestSure !== undefined &&
        bestSure.accuracy.share < naturalJudged.accuracy.share - tolerance &&
        `Stopping when sure loses more than the tolerance at every candidate: ${bestSure.sureAbove} loses the least.`,
      sameBeginning < 0.9 &&
        `Only ${Math.round(sameBeginning * 100)} % of the thoughts are the same before a Wait as without one, so the thresholds were chosen on independent runs of a question. The held-out figures are of real runs.`,
      skipped.length > 0 && `Without a value for each thought, so left out: ${skipped.join(', ')}.`,
    ].filter((note) => note !== false),
  };
}

type Asked = Readonly<Record<string, unknown>>;

/** Asks each request of each question and seed. Returns the answers in this order, those of a request together. */
async function askAll(
  what: string,
  requests: readonly Asked[],
  half: readonly Question[],
  folder: CalibrationFolder,
  { api, prompt, seeds, grader, concurrency, signal }: CalibrationOptions,
): Promise<readonly (readonly CalibrationAnswer[])[]> {
  const byRequest = requests.map((thinking) =>
    half.flatMap((question) =>
      Array.from({ length: seeds }, (_, seed) => {
        const task = { asked: JSON.stringify(thinking), question: question.id, seed };
        return { ...task, thinking, subject: question, key: answerKey(task) };
      }),
    ),
  );
  const missing = byRequest.flat().filter(({ key }) => folder.get(key) === undefined);
  process.stderr.write(`${what}: ${missing.length} of ${byRequest.flat().length} answers to ask\n`);
  const progress = new Progress(missing.length);
  await runTasks(
    missing,
    concurrency,
    async ({ asked, question, seed, thinking, subject }) => {
      const text = prompt.replaceAll('{question}', () => subject.question);
      const answer = await askWithTokens(api, text, { thinking }, seedOf(question, seed), signal);
      const measured = measurePasses(answer.thoughtTokens, measuresWith(Number(thinking['top_logprobs'] ?? 0)));
      const { correct } = await gradeAnswer(subject, answer, grader);
      const { thought, thinkingTokens, waits, endReason } = answer;
      await folder.add({
        asked,
        question,
        seed,
        correct,
        thought,
        thinkingTokens,
        waits,
        endReason,
        answer: answer.answer,
        tokens: answer.spentTokens,
        passes: measured.map((pass) => ({ ...pass })),
      });
      progress.step();
    },
    signal,
  );
  return byRequest.map((tasks) => tasks.flatMap(({ key }) => folder.get(key) ?? []));
}

/** Measures that so many most likely tokens suffice for. All are kept, so that another --measures asks nothing again. */
function measuresWith(top: number): readonly ConfidenceMeasure[] {
  return confidenceMeasures.filter((measure) => topTokensOf(measure) <= top);
}

/** Seed of an answer, the same for all requests: they differ only in what is forced. */
function seedOf(question: string, seed: number): number {
  return createHash('sha256').update(`calibrate|${question}|${seed}`).digest().readUInt32BE(0) >>> 1;
}

/** Confidences of the thought before a Wait. */
function confidencesOf({ passes: [first = {}] }: CalibrationAnswer): Confidences {
  return first;
}

function checkTrials(trials: readonly Trial[]): void {
  const right = trials.filter(({ natural }) => natural.right).length;
  if (right > 0 && right < trials.length) return;
  const [all, other] = right === 0 ? ['wrong', 'easier'] : ['right', 'harder'];
  throw new UsageError(
    `All ${trials.length} natural answers of the calibration half are ${all}, so no confidence tells right from wrong. Give ${other} questions.`,
  );
}

/**
 * The cheapest candidate whose accuracy is within the tolerance of natural thinking; if there is none, the most accurate one. Of equal
 * ones the highest, which stops least.
 */
function chooseSure<T extends Pick<Judged, 'accuracy' | 'meanTokens'> & { readonly sureAbove: number }>(
  candidates: readonly T[],
  natural: Judged,
  tolerance: number,
): T | undefined {
  const kept = candidates.filter(({ accuracy }) => accuracy.share >= natural.accuracy.share - tolerance - 1e-12);
  const cheaper = (a: T, b: T) => a.meanTokens - b.meanTokens || b.sureAbove - a.sureAbove;
  if (kept.length > 0) return kept.toSorted(cheaper)[0];
  return candidates.toSorted((a, b) => b.accuracy.share - a.accuracy.share || cheaper(a, b))[0];
}

/** To four digits, never down: a bound must not get lower. */
function roundUp(share: number): number {
  return Math.min(1, Math.ceil(share * 1e4) / 1e4);
}
