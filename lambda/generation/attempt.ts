import { loggableError } from '../errors/loggable-error.ts';
import type { ConfidenceMeasure } from '../forcing/confidence.ts';
import { AnswerReader } from './answer-reader.ts';
import type { GenerationEvent } from './generation.ts';
import { voteKey } from './majority.ts';
import { mergeGenerators } from './merge-generators.ts';
import type { ModelRun } from './model-run.ts';
import type { AttemptReason, RouteAttempt } from './route-account.ts';
import { VOTE_MEASURE } from './running-vote.ts';
import type { SampleAccount } from './usage.ts';

/** What the gate of a route found after the thought of a model, or after its samples. */
export type Verdict = 'sure' | 'unsure' | 'disagree' | 'unmeasured';

/** The gate between two models of a route. `none`: the last model, whose answer always goes out. */
export type Gate =
  | { readonly kind: 'none' }
  | { readonly kind: 'unsure'; readonly below: number; readonly measure: ConfidenceMeasure }
  | { readonly kind: 'disagree'; readonly samples: number };

export interface AttemptOptions {
  readonly run: ModelRun;
  readonly reason: AttemptReason;
  readonly gate: Gate;
  /** Index of the sample in the request, number of samples of the request, and index of the sample in the admission. */
  readonly index: number;
  readonly samples: number;
  readonly place: number;
  readonly signal: AbortSignal;
}

/**
 * One model of a route that works on a sample. Its thinking goes out as it comes, and its answer is held until the gate is passed:
 * after the thought the generation pauses, so an answer that is not wanted is never generated.
 */
export class Attempt {
  readonly run: ModelRun;
  /** Text of the thinking, without what the request gave. */
  thinking = '';
  readonly #options: AttemptOptions;
  readonly #abort = new AbortController();
  readonly #events: AsyncGenerator<GenerationEvent>;
  readonly #accounts = new Map<number, SampleAccount['report']>();
  /** Events of the answer that wait for the gate. */
  readonly #held: GenerationEvent[] = [];
  #confidence: number | undefined;
  #failure: string | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(options: AttemptOptions) {
    this.run = options.run;
    this.#options = options;
    this.#events = this.#sample(0);
  }

  /** Thinking tokens, tokens of thinking and answer, and tokens of probes, of all samples that ended. */
  get used(): { readonly thinking: number; readonly completion: number; readonly probe: number } {
    const reports = [...this.#accounts.values()];
    const sum = (select: (report: SampleAccount['report']) => number) =>
      reports.reduce((total, report) => total + select(report), 0);
    const thinking = sum((report) => report.thinkingTokens + report.abortedTokens);
    return {
      thinking,
      completion: thinking + sum((report) => report.answerTokens),
      probe: sum((report) => report.probeTokens),
    };
  }

  get account(): RouteAttempt {
    const { completion, probe } = this.used;
    return {
      model: this.run.request.model.settings.id,
      reason: this.#options.reason,
      promptTokens: this.run.admitted.promptTokens,
      completionTokens: completion,
      probeTokens: probe,
      confidence: this.#confidence,
      failure: this.#failure,
    };
  }

  /** Runs the model up to the gate. Yields what the client sees already, and returns the verdict of the gate. */
  async *think(): AsyncGenerator<GenerationEvent, Verdict, undefined> {
    const { gate } = this.#options;
    if (gate.kind === 'disagree') return yield* this.#agree(gate.samples);
    let verdict: Verdict | undefined;
    for (;;) {
      const step = await this.#events.next();
      if (step.done === true) throw new Error('A sample ended without an account.');
      const event = step.value;
      if (event.kind === 'thought') {
        this.#accounts.set(0, event.report);
        this.#confidence = event.report.gateConfidence;
        verdict = verdictOf(gate, event.report.thinkingTokens, this.#confidence);
        if (verdict === 'unsure') return verdict;
      } else if (isAnswer(event)) {
        clearTimeout(this.#patience);
        this.#held.push(event);
        // The model works: nothing else can have to answer in its place.
        if (verdict !== undefined) return verdict;
      } else {
        this.#note(event);
        yield event;
      }
    }
  }

  /** Lets the answer out: what was held, and the rest as it comes. The last event is `done`. */
  async *answer(): AsyncGenerator<GenerationEvent, void, undefined> {
    for (;;) {
      const event = this.#held.shift() ?? (await this.#events.next()).value;
      if (event === undefined) return;
      if (event.kind === 'done') {
        this.#accounts.set(0, event.report);
        // Settles the account, which an abort could no longer change.
        await this.#events.return(undefined);
      }
      if (event.kind !== 'thought') yield event;
      if (event.kind === 'done') return;
    }
  }

  fail(code: string): void {
    this.#failure = code;
  }

  /** Makes the attempt fail with `failure` if it has not begun its text after this time. */
  limitPatience(ms: number, failure: Error): void {
    this.#patience = setTimeout(() => this.#abort.abort(failure), Math.max(0, ms));
  }

  /** Ends the attempt as far as it still runs. Resolves when its accounts are known. */
  async end(reason: Error): Promise<void> {
    clearTimeout(this.#patience);
    this.#abort.abort(reason);
    await this.#events.return(undefined);
    if (this.#options.reason === 'first') return;
    await this.run.admitted.admission?.admitted.end().catch((error: unknown) => {
      this.run.log('error', 'load lease not released', loggableError(error));
    });
  }

  /** Runs several samples to their ends. The thinking of the first one goes out. */
  async *#agree(count: number): AsyncGenerator<GenerationEvent, Verdict, undefined> {
    const others = Array.from({ length: count - 1 }, (_, at) => this.#sample(at + 1));
    const stop = () => this.#abort.abort(new Error('Another sample of the attempt failed.'));
    const readers = Array.from({ length: count }, () => this.#newReader());
    const texts = readers.map(() => '');
    for await (const { index, value } of mergeGenerators([this.#events, ...others], stop)) {
      for (const piece of readers[index]?.take(value) ?? []) {
        if (piece.kind === 'text') texts[index] += piece.text;
      }
      if (index > 0 || value.kind === 'thought') continue;
      if (isAnswer(value)) {
        this.#held.push(value);
      } else {
        this.#note(value);
        yield value;
      }
    }
    const keys = new Set(texts.map(voteKey));
    return keys.size === 1 && !keys.has('') ? 'sure' : 'disagree';
  }

  #newReader(): AnswerReader {
    return new AnswerReader({ excludeThinking: true, tools: this.run.request.tools, whole: true });
  }

  #sample(at: number): AsyncGenerator<GenerationEvent> {
    const { run, index, samples, place, signal, gate } = this.#options;
    const forVote = run.request.vote?.weighted === true ? VOTE_MEASURE : undefined;
    return run.sample({
      index: index + samples * at,
      place: place + samples * at,
      signal: AbortSignal.any([signal, this.#abort.signal]),
      yieldsThoughtEnd: true,
      gateMeasure: gate.kind === 'unsure' ? gate.measure : forVote,
      onEnd: ({ report }) => this.#accounts.set(at, report),
    });
  }

  #note(event: GenerationEvent): void {
    if (event.kind === 'text') clearTimeout(this.#patience);
    if (event.kind === 'text' && event.part === 'thinking') this.thinking += event.text;
  }
}

/** Whether an event belongs to the answer, which waits for the gate. */
function isAnswer(event: GenerationEvent): boolean {
  return (
    event.kind === 'done' ||
    (event.kind === 'logprobs' && event.part === 'answer') ||
    (event.kind === 'text' && event.part === 'answer')
  );
}

function verdictOf(gate: Gate, thinkingTokens: number, confidence: number | undefined): Verdict {
  // Without a thought there is nothing to measure.
  if (gate.kind !== 'unsure' || thinkingTokens === 0) return 'sure';
  if (confidence === undefined) return 'unmeasured';
  return confidence < gate.below ? 'unsure' : 'sure';
}
