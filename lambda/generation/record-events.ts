import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import type { ForcingReport } from '../forcing/report.ts';
import type { GenerationEvent } from './generation.ts';
import type {
  ForcedRange,
  GenerationRecorder,
  Outcome,
  RecordedGeneration,
  RecordedSample,
} from './recorded-generation.ts';
import type { RunningVote } from './running-vote.ts';

type SampleEvent = { readonly index: number; readonly value: GenerationEvent };

interface RecordOptions extends Pick<RecordedGeneration, 'limits' | 'policy'> {
  readonly request: RecordedGeneration['request'] & { readonly samples: number };
  readonly recorder: GenerationRecorder;
  readonly vote: RunningVote | undefined;
  /** Aborts when the connection of the client breaks, or the server stops. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  readonly log: Log;
}

/**
 * Passes events on, and records what they say before the last one is passed on, so that a client that has read its response finds it
 * recorded. If the events fail or are no longer read, what came so far is recorded; nothing is if no text came. A failure to record is
 * logged, and does not reach the client.
 */
export async function* recordEvents(
  events: AsyncGenerator<SampleEvent>,
  options: RecordOptions,
): AsyncGenerator<SampleEvent, void, undefined> {
  const { request, vote, signal } = options;
  const samples = new SampleTexts(request.model.settings.id);
  let recorded = false;
  let outcome: Outcome = 'aborted';
  const record = async () => {
    if (recorded || samples.isEmpty) return;
    recorded = true;
    await recordSafely(samples.all(), outcome, options);
  };
  try {
    for await (const event of events) {
      samples.take(event);
      if (vote === undefined && samples.finished === request.samples) {
        outcome = 'done';
        await record();
      }
      yield event;
    }
    outcome = 'done';
  } catch (error) {
    outcome = signal.aborted || isAbort(error) ? 'aborted' : 'failed';
    throw error;
  } finally {
    await record();
  }
}

/** Whether the client left, in the midst of a step. */
function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

async function recordSafely(
  samples: readonly RecordedSample[],
  outcome: Outcome,
  { request, limits, policy, vote, recorder, requestId, log }: RecordOptions,
): Promise<void> {
  try {
    const winner = outcome === 'done' ? vote?.state.winner : undefined;
    await recorder({ request, limits, policy, outcome, samples, winner });
  } catch (error) {
    log('error', 'generation not stored', { request_id: requestId, ...loggableError(error) });
  }
}

interface SampleText {
  readonly texts: { thinking: string; answer: string };
  readonly forced: { readonly thinking: ForcedRange[]; readonly answer: ForcedRange[] };
  done?: Extract<GenerationEvent, { kind: 'done' }>;
}

/** Collects the texts of all samples of a request. */
class SampleTexts {
  readonly #model: string;
  readonly #samples = new Map<number, SampleText>();
  finished = 0;

  constructor(model: string) {
    this.#model = model;
  }

  get isEmpty(): boolean {
    return this.#samples.size === 0;
  }

  take({ index, value }: SampleEvent): void {
    if (value.kind !== 'text' && value.kind !== 'done') return;
    const sample = this.#samples.get(index) ?? {
      texts: { thinking: '', answer: '' },
      forced: { thinking: [], answer: [] },
    };
    this.#samples.set(index, sample);
    if (value.kind === 'done') {
      sample.done = value;
      this.finished++;
      return;
    }
    const { part, text, forced } = value;
    if (forced && text !== '') {
      sample.forced[part].push({ at: sample.texts[part].length, length: text.length });
    }
    sample.texts[part] += text;
  }

  all(): readonly RecordedSample[] {
    return [...this.#samples].toSorted(([a], [b]) => a - b).map(([index, sample]) => this.#toRecorded(index, sample));
  }

  #toRecorded(index: number, { texts, forced, done }: SampleText): RecordedSample {
    return {
      index,
      model: done?.route?.answered.model ?? this.#model,
      ...texts,
      forced,
      ...(done === undefined ? {} : { account: toAccount(done.report) }),
      ...(done?.route === undefined ? {} : { attempts: done.route.attempts }),
    };
  }
}

function toAccount({
  thinkingTokens,
  answerTokens,
  waits,
  endReason,
  finishReason,
  confidence,
}: ForcingReport): NonNullable<RecordedSample['account']> {
  return {
    thinking_tokens: thinkingTokens,
    answer_tokens: answerTokens,
    waits,
    end_reason: endReason ?? null,
    finish_reason: finishReason ?? null,
    ...(confidence === undefined ? {} : { confidence: confidence.value }),
  };
}
