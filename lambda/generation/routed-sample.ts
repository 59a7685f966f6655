import { ApiError } from '../errors/api-error.ts';
import { escalationThreshold } from '../settings/routes.ts';
import { ModelError, ModelTimeoutError } from '../upstream/errors.ts';
import { admitFurther } from './admit-request.ts';
import { Attempt, type Gate, type Verdict } from './attempt.ts';
import type { GenerationEvent } from './generation.ts';
import { ModelRun, type RequestRun } from './model-run.ts';
import { prepareRequest } from './prepare-request.ts';
import type { GenerationContext, GenerationRequest, RequestRoute } from './request.ts';
import type { AttemptReason, KeptBecause, RouteAttempt } from './route-account.ts';
import { withBudgetLeft } from './route-budget.ts';
import { toSetBy } from './set-by.ts';
import { settlePolicy } from './settle-policy.ts';

/** Share of the remaining time within which a further model must begin its text. Then the model before answers instead. */
const PATIENCE = 0.5;
/** Text between the thoughts of two models. */
const BETWEEN_THOUGHTS = '\n\n';

export interface RoutedSampleOptions {
  /** The request to the first model. */
  readonly first: ModelRun;
  readonly route: RequestRoute;
  readonly run: RequestRun;
  /** Index of the sample in the request. */
  readonly index: number;
  readonly signal: AbortSignal;
}

/**
 * Runs one sample of a route: the first model thinks, and if it is unsure of its thought, the next one gets the question. Thoughts are
 * yielded as they come; an answer waits until its model passed the gate.
 *
 * If a further model fails before its answer begins, the answer of the model before goes out, which had paused after its thought.
 *
 * @throws {ApiError | ModelError} if the first model fails, or the answer of any model breaks off
 */
export async function* routedSample(options: RoutedSampleOptions): AsyncGenerator<GenerationEvent> {
  const sample = new RoutedSample(options);
  try {
    yield* sample.events();
  } finally {
    await sample.end();
  }
}

class RoutedSample {
  readonly #options: RoutedSampleOptions;
  readonly #attempts: Attempt[] = [];
  /** In the order of the models: attempts, and models that were not reached. */
  readonly #accounts: (() => RouteAttempt)[] = [];

  constructor(options: RoutedSampleOptions) {
    this.#options = options;
  }

  async *events(): AsyncGenerator<GenerationEvent, void, undefined> {
    const models = this.#options.route.further.length + 1;
    let held: Attempt | undefined;
    let reason: AttemptReason = 'first';
    let keptBecause: KeptBecause | undefined;
    for (let at = 0; at < models; at++) {
      const next = await this.#begin(at, reason, held?.thinking);
      keptBecause = next === 'budget' ? next : 'failed';
      if (next === 'budget') break;
      const verdict = next === 'failed' ? next : yield* this.#think(next, held !== undefined);
      if (next === 'failed' || verdict === 'failed') {
        reason = 'failed';
        continue;
      }
      await held?.end(abandoned());
      held = next;
      if (verdict === 'sure' || verdict === 'unmeasured') {
        keptBecause = verdict === 'sure' ? undefined : verdict;
        break;
      }
      reason = verdict;
    }
    if (held === undefined) throw new Error('A route has at least one model.');
    yield* this.#answer(held, keptBecause);
  }

  /** Ends all attempts and their leases. */
  async end(): Promise<void> {
    await Promise.all(this.#attempts.map((attempt) => attempt.end(abandoned())));
  }

  /** Prepares a model. `budget`: the request's budget is used up. `failed`: the model was not admitted. */
  async #begin(at: number, reason: AttemptReason, thought: string | undefined): Promise<Attempt | 'budget' | 'failed'> {
    const { first, route, index, signal } = this.#options;
    const asked = at === 0 ? first.request : route.further[at - 1];
    if (asked === undefined) throw new Error(`The route has no model ${at}.`);
    const gate = gateOf(route, at, asked);
    const { samples } = first.request;
    if (at === 0) return this.#add(new Attempt({ run: first, reason, gate, index, samples, place: index, signal }));
    const left = this.#withBudgetLeft(asked, thought);
    if (left === undefined) return 'budget';
    try {
      const run = await this.#admit(left, at, gate);
      return this.#add(new Attempt({ run, reason, gate, index, samples, place: 0, signal }));
    } catch (error) {
      const failure = this.#codeOf(error);
      const model = asked.model.settings.id;
      const account = {
        model,
        reason,
        promptTokens: 0,
        completionTokens: 0,
        probeTokens: 0,
        confidence: undefined,
        failure,
      };
      this.#accounts.push(() => account);
      return 'failed';
    }
  }

  /** The request to a further model with what is left of the budget. */
  #withBudgetLeft(
    request: GenerationRequest,
    thought: string | undefined,
  ): { readonly request: GenerationRequest; readonly context: GenerationContext } | undefined {
    const { route, run } = this.#options;
    const used = this.#attempts.map((attempt) => attempt.used);
    const left = withBudgetLeft(request, run.context.caller, {
      thinking: used.reduce((sum, { thinking }) => sum + thinking, 0),
      completion: used.reduce((sum, { completion }) => sum + completion, 0),
    });
    if (left === undefined) return undefined;
    const { prefix = {} } = request;
    const passed =
      route.settings.pass_thought && thought !== undefined && thought !== ''
        ? { prefix: { ...prefix, thinking: `${prefix.thinking ?? ''}${thought}${BETWEEN_THOUGHTS}` } }
        : {};
    return { request: { ...left.request, ...passed }, context: { ...run.context, caller: left.caller } };
  }

  async #admit(
    { request: asked, context }: { readonly request: GenerationRequest; readonly context: GenerationContext },
    at: number,
    gate: Gate,
  ): Promise<ModelRun> {
    const { run, index } = this.#options;
    const policy = settlePolicy(asked, context.caller);
    const { request } = policy;
    const prepared = await prepareRequest(request, context);
    // Leases are stored by request id.
    const requestId = `${context.requestId}-${index}-${at}`;
    const runs = gate.kind === 'disagree' ? gate.samples : 1;
    const admitted = await admitFurther(request, prepared, runs, run.dependencies, { ...context, requestId });
    admitted.admission?.admitted.begin();
    return await ModelRun.create(policy, prepared, admitted, run, { attempt: at, capacityWaitMs: 0 });
  }

  #add(attempt: Attempt): Attempt {
    this.#attempts.push(attempt);
    this.#accounts.push(() => attempt.account);
    return attempt;
  }

  /**
   * Runs a model up to its gate.
   *
   * @param replaceable whether the model before can answer if this one fails
   */
  async *#think(
    attempt: Attempt,
    replaceable: boolean,
  ): AsyncGenerator<GenerationEvent, Verdict | 'failed', undefined> {
    const { run } = this.#options;
    try {
      if (replaceable) {
        const leftMs = run.deadlineMs - run.dependencies.clock.now();
        const late = 'The model of the route gave no text within half of the remaining time.';
        attempt.limitPatience(leftMs * PATIENCE, new ModelTimeoutError(late));
        if (this.#thinks) yield { kind: 'text', part: 'thinking', text: BETWEEN_THOUGHTS, forced: true };
      }
      return yield* attempt.think();
    } catch (error) {
      if (!replaceable) throw error;
      attempt.fail(this.#codeOf(error));
      await attempt.end(abandoned());
      return 'failed';
    }
  }

  /** Whether a model before has shown a thought. */
  get #thinks(): boolean {
    return this.#attempts.slice(0, -1).some(({ thinking }) => thinking !== '');
  }

  async *#answer(
    attempt: Attempt,
    keptBecause: KeptBecause | undefined,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const { settings } = this.#options.route;
    const { request, admitted } = attempt.run;
    for await (const event of attempt.answer()) {
      if (event.kind !== 'done') {
        yield event;
        continue;
      }
      const { shrunk, admission } = admitted;
      const answered = {
        model: request.model.settings.id,
        shrunk,
        setBy: toSetBy(request, shrunk),
        load: admission?.report,
      };
      const attempts = this.#accounts.map((account) => account());
      yield { ...event, route: { id: settings.id, attempts, answered, keptBecause } };
    }
  }

  /** The code of a failure that another model can make up for. @throws the error if it is none, or the request was aborted */
  #codeOf(error: unknown): string {
    const { run, signal } = this.#options;
    run.signal.throwIfAborted();
    signal.throwIfAborted();
    if (error instanceof ModelError) return error.code;
    if (error instanceof ApiError) return error.code ?? 'server_error';
    throw error;
  }
}

/** The gate after a model, whose calibration has the threshold if the route has none. */
function gateOf({ settings, further }: RequestRoute, at: number, { model }: GenerationRequest): Gate {
  const { disagree } = settings.escalate;
  if (at === further.length) return { kind: 'none' };
  if (disagree !== undefined) return { kind: 'disagree', samples: disagree };
  const threshold = escalationThreshold(settings, model.settings.calibration);
  return threshold === undefined ? { kind: 'none' } : { kind: 'unsure', ...threshold };
}

function abandoned(): DOMException {
  return new DOMException('Another model of the route answers.', 'AbortError');
}
