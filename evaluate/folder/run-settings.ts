import * as z from 'zod';
import { UsageError } from '../../cli/usage-error.ts';
import { confidenceMeasures } from '../../lambda/forcing/confidence.ts';
import { type Condition, conditionId, mergeConditions, parseConditionId } from '../conditions.ts';
import type { Question } from '../questions/question.ts';

const conditionSchema = z.object({ id: z.string(), samples: z.int().min(1) }).transform(({ id, samples }, context) => {
  const condition = parseConditionId(id, samples);
  if (condition !== undefined) return condition;
  context.addIssue(`There is no condition ${JSON.stringify(id)}.`);
  return z.NEVER;
});

/** The API that `--against` names. */
const againstSchema = z.object({ url: z.string(), model: z.string(), extra: z.record(z.string(), z.unknown()) });

const priceSchema = z.object({ prompt: z.number(), completion: z.number() });

export const runSettingsSchema = z.object({
  format: z.literal(2),
  model: z.string(),
  /** SHA-256 of the weights. `null` if the API does not publish it. */
  weights: z.string().nullable(),
  /** The API: its URL, or `embedded`, whose port changes with each run. */
  target: z.string(),
  temperature: z.number().nullable(),
  repetitionPenalty: z.number().nullable().default(null),
  /** The user's message, with `{question}` in it. */
  prompt: z.string(),
  /** Seeds per question. */
  seeds: z.int().min(1),
  conditions: z.array(conditionSchema),
  against: againstSchema.nullable(),
  /** Name of the external grader. `null` if each question has its own grader. */
  grader: z.string().nullable().default(null),
  /** Price that `/v1/models` published, in dollars per million tokens. */
  price: priceSchema.nullable().default(null),
  /** Prices that it published of the other models of a route. */
  modelPrices: z.record(z.string(), priceSchema).default({}),
  /** Thresholds of conditions by confidence. `null` if there is none. */
  thresholds: z
    .object({
      measure: z.enum(confidenceMeasures),
      unsureBelow: z.number(),
      sureAbove: z.number(),
      calibration: z.string().nullable(),
    })
    .nullable()
    .default(null),
  /** The route that was asked, and its last model. `null` if none was. */
  route: z.object({ id: z.string(), last: z.string() }).nullable().default(null),
  /** Ids of the vector stores that were read. `null` if none were. */
  stores: z.array(z.string()).nullable().default(null),
});

/** What a folder's results were asked with. */
export interface RunSettings extends Omit<z.infer<typeof runSettingsSchema>, 'conditions'> {
  readonly conditions: readonly Condition[];
}

/** The settings as `settings.json` has them: conditions by their ids. */
export function settingsText(settings: RunSettings): string {
  const conditions = settings.conditions.map((condition) => ({
    id: conditionId(condition),
    samples: condition.samples,
  }));
  return `${JSON.stringify({ ...settings, conditions }, null, 2)}\n`;
}

const ADVICE = 'Answers of both in one folder could not be compared: give another folder with --out.';

/**
 * Adds the settings of a run to those of its folder.
 *
 * @throws {UsageError} if they differ in what must stay the same
 */
export function mergeSettings(path: string, before: RunSettings, now: RunSettings): RunSettings {
  const differences = [
    difference('model', before.model, now.model),
    difference('temperature', before.temperature ?? "the model's own", now.temperature ?? "the model's own"),
    difference(
      'repetition penalty',
      before.repetitionPenalty ?? "the model's own",
      now.repetitionPenalty ?? "the model's own",
    ),
    difference('prompt', before.prompt, now.prompt),
    difference('grader', before.grader ?? "each question's own", now.grader ?? "each question's own"),
    before.weights === null || now.weights === null
      ? // Without the hash of the weights, only the URL says that the model is the same.
        difference('API', before.target, now.target)
      : difference("weights' hash", before.weights, now.weights),
    before.thresholds === null || now.thresholds === null
      ? undefined
      : difference('set of thresholds', before.thresholds, now.thresholds),
    before.route === null || now.route === null ? undefined : difference('route', before.route, now.route),
    before.stores === null || now.stores === null ? undefined : difference('list of stores', before.stores, now.stores),
    before.against === null || now.against === null
      ? undefined
      : (difference('model of --against', before.against.model, now.against.model) ??
        difference('fields of --against-body', before.against.extra, now.against.extra)),
  ].filter((text) => text !== undefined);
  if (differences.length > 0) throw new UsageError(`${path} holds a run with ${differences.join(' and ')}. ${ADVICE}`);
  return {
    ...before,
    target: now.target,
    weights: now.weights ?? before.weights,
    seeds: Math.max(before.seeds, now.seeds),
    conditions: mergeConditions(before.conditions, now.conditions),
    against: now.against ?? before.against,
    price: now.price ?? before.price,
    modelPrices: { ...before.modelPrices, ...now.modelPrices },
    thresholds: now.thresholds ?? before.thresholds,
    route: now.route ?? before.route,
    stores: now.stores ?? before.stores,
  };
}

/**
 * Adds the questions of a run to those of its folder.
 *
 * @throws {UsageError} if a question has the id of another one
 */
export function mergeQuestions(
  path: string,
  before: readonly Question[],
  now: readonly Question[],
): readonly Question[] {
  const byId = new Map(before.map((question) => [question.id, question]));
  for (const question of now) {
    const known = byId.get(question.id);
    if (known === undefined) continue;
    const found =
      difference('text', known.question, question.question) ??
      difference('expected answer', known.answer, question.answer) ??
      difference('grader', known.grader, question.grader);
    if (found !== undefined) {
      throw new UsageError(
        `${path} holds answers to question ${JSON.stringify(question.id)} with ${found}. ${
          known.grader === question.grader
            ? ADVICE
            : `Grade it again first: budgetforce eval grade ${path} --grader ${question.grader}`
        }`,
      );
    }
  }
  for (const question of now) if (!byId.has(question.id)) byId.set(question.id, question);
  return [...byId.values()];
}

function difference(name: string, before: unknown, now: unknown): string | undefined {
  const [was, is] = [before, now].map((value) => JSON.stringify(value));
  return was === is ? undefined : `another ${name}: ${was}, and now ${is}`;
}
