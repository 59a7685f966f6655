import type { ForcingReport } from '../forcing/report.ts';
import { HEDGE_LOST } from '../generation/failover.ts';
import type { IgnoredField, RiskReport, RunningGeneration } from '../generation/request.ts';
import type { RetrievalAccount } from '../generation/retrieval.ts';
import type { KeptBecause, RouteAccount } from '../generation/route-account.ts';
import type { SegmentAccount } from '../generation/segment-account.ts';

/** Members of `budget_forcing` that only some answers have. All counts are tokens of the model. */
export interface OccasionalReport {
  /** Fields of the request that had no effect. */
  readonly ignored?: readonly IgnoredField[];
  /** What ended the answer before its end or its maximum: the time limit of the request. Its `finish_reason` is that of a maximum. */
  readonly answer_cut_by?: 'deadline';
  /** How sure the model was of its thought: a measure of the log-probabilities of its last `tokens` tokens, 0 to 1. */
  readonly confidence?: { readonly measure: string; readonly value: number; readonly tokens: number };
  /** Why rules by confidence, which the key or the config asks for, were off. */
  readonly gates_off?: 'no_logprobs' | 'no_threshold';
  /** The policy that `thinking.risk` chose. */
  readonly risk?: RiskReport;
  /** Questions whether the thinking can end, and the tokens that were sampled for them. */
  readonly probes?: { readonly count: number; readonly tokens: number };
  readonly vote?: VoteAccount;
  /** The runs of models that led to the answer, if there was more than one. */
  readonly attempts?: readonly Attempt[];
  /** Only if the request names a route. */
  readonly route?: RouteReport;
  /** How the request moved between the upstreams of its model. */
  readonly failover?: FailoverReport;
  readonly retrieval?: {
    readonly when: 'before' | 'unsure';
    readonly tokens: number;
    readonly search_ms: number;
    readonly passages: readonly {
      readonly id: string;
      readonly file_id: string;
      readonly score: number;
      readonly filename: string;
      readonly tokens: number;
    }[];
    /** Passages that were found and not placed, because the block would exceed its maximum. */
    readonly left_out: number;
    /** Code of the failure, if the search failed while the model was thinking. */
    readonly failure?: string;
  };
}

/** The samples of a vote, of which the response has one. */
export interface VoteAccount {
  readonly requested: number;
  readonly started: number;
  readonly finished: number;
  /** Samples that were started, and not finished when the vote was decided. */
  readonly aborted: number;
  /** Thinking and answer tokens of the finished samples that are not in the response. */
  readonly other_tokens: number;
  readonly aborted_tokens: number;
  /** Tokens of the probes of all samples, if any ran. */
  readonly probe_tokens?: number;
  /**
   * `all`: every sample counted. `lead` and `agree`: the condition of the request. `certain`: the other samples could not change the
   * winner. `deadline`: the time of the request was over.
   */
  readonly decided_by: 'all' | 'lead' | 'agree' | 'certain' | 'deadline';
  /** Votes of each answer, most first. `weight`: the sum of their confidences, if they count. */
  readonly counts: readonly { readonly answer: string; readonly votes: number; readonly weight?: number }[];
}

/** One run of a model for the answer. */
export interface Attempt {
  readonly model: string;
  /** `first`; or why it followed: the answer before was `unsure`, samples `disagree`, a call `failed`, or was slow (`hedge`). */
  readonly reason: 'first' | 'unsure' | 'disagree' | 'failed' | 'hedge';
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
  /** Tokens of its probes, if any ran, which `usage` does not have and `dollars` has. */
  readonly probe_tokens?: number;
  readonly confidence?: number;
  readonly dollars?: number;
  /** Code of the failure, if the model failed. */
  readonly failure?: string;
}

/** Who answered a request to a route. */
export interface RouteReport {
  readonly id: string;
  /** Id of the model whose answer it is. */
  readonly answered_by: string;
  /** Why the answer went out although its model was not found to be sure. */
  readonly kept_because?: KeptBecause;
}

/** The moves of a request between upstreams. */
export interface FailoverReport {
  /** Upstream that finished the answer. */
  readonly upstream: string;
  readonly moves: readonly {
    readonly from: string;
    readonly to: string;
    /** Code of the failure, `circuit_open` or `hedge`. */
    readonly because: string;
    /** `ids`: exactly from where the call broke. `text`: from its text, in the ids of another vocabulary. */
    readonly continued_from: 'ids' | 'text';
  }[];
  /** Fallbacks that could not take the request, and what they lack for it. */
  readonly passed_over: readonly { readonly upstream: string; readonly because: string }[];
}

/** The `budget_forcing` object. */
export type BudgetReport = ReturnType<typeof alwaysReported> & OccasionalReport;

/** Converts the account of one sample of a request to the `budget_forcing` object. */
export function toBudgetReport(
  report: ForcingReport,
  segments: readonly SegmentAccount[],
  run: Pick<RunningGeneration, 'model' | 'shrunk' | 'setBy' | 'load' | 'ignored' | 'risk' | 'priceOf'>,
  {
    route,
    retrieval,
  }: { readonly route?: RouteAccount | undefined; readonly retrieval?: RetrievalAccount | undefined } = {},
): BudgetReport {
  const attempts = route === undefined ? toAttempts(run.model, segments) : [];
  return {
    ...alwaysReported(report, segments, route?.answered ?? run),
    ...(route === undefined ? {} : toRouteReport(route, run.priceOf)),
    ...(report.answerCutBy === undefined ? {} : { answer_cut_by: report.answerCutBy }),
    ...(report.confidence === undefined ? {} : { confidence: { ...report.confidence } }),
    ...(run.risk === undefined ? {} : { risk: { ...run.risk } }),
    ...(report.gatesOff === undefined ? {} : { gates_off: report.gatesOff }),
    ...(report.probes === 0 ? {} : { probes: { count: report.probes, tokens: report.probeTokens } }),
    ...(retrieval === undefined ? {} : { retrieval: toRetrievalReport(retrieval) }),
    ...(run.ignored.length > 0 ? { ignored: run.ignored } : {}),
    ...(attempts.length > 1 ? { attempts } : {}),
    ...toFailover(segments),
  };
}

/** What was looked up, without any text. */
function toRetrievalReport(account: RetrievalAccount): NonNullable<OccasionalReport['retrieval']> {
  const { when, tokens, searchMs, passages, leftOut, failure } = account;
  return {
    when,
    tokens,
    search_ms: searchMs,
    passages: passages.map(({ id, fileId, filename, score, tokens: count }) => ({
      ...{ id, file_id: fileId, filename, score },
      tokens: count,
    })),
    left_out: leftOut,
    ...(failure === undefined ? {} : { failure }),
  };
}

function toRouteReport(
  { id, attempts, answered, keptBecause }: RouteAccount,
  priceOf: RunningGeneration['priceOf'],
): Required<Pick<OccasionalReport, 'route' | 'attempts'>> {
  return {
    route: {
      id,
      answered_by: answered.model,
      ...(keptBecause === undefined ? {} : { kept_because: keptBecause }),
    },
    attempts: attempts.map(({ model, reason, promptTokens, completionTokens, probeTokens, confidence, failure }) => {
      const price = priceOf?.(model);
      return {
        model,
        reason,
        usage: {
          prompt_tokens: promptTokens,
          completion_tokens: completionTokens,
          total_tokens: promptTokens + completionTokens,
        },
        ...(probeTokens === 0 ? {} : { probe_tokens: probeTokens }),
        ...(confidence === undefined ? {} : { confidence }),
        ...(price === undefined
          ? {}
          : {
              dollars: (promptTokens * price.prompt + (completionTokens + probeTokens) * price.completion) / 1_000_000,
            }),
        ...(failure === undefined ? {} : { failure }),
      };
    }),
  };
}

/** The attempts of the calls in order: a call after one that failed begins a new attempt. */
function toAttempts(model: string, segments: readonly SegmentAccount[]): readonly Attempt[] {
  const groups: SegmentAccount[][] = [];
  const reasons: Attempt['reason'][] = [];
  let reason: Attempt['reason'] | undefined = 'first';
  for (const segment of segments) {
    if (reason !== undefined) {
      groups.push([]);
      reasons.push(reason);
    }
    groups.at(-1)?.push(segment);
    reason = segment.failure === undefined ? undefined : segment.failure === HEDGE_LOST ? 'hedge' : 'failed';
  }
  return groups.map((calls, index) => {
    const promptTokens = calls[0]?.promptTokens ?? 0;
    const completionTokens = calls.reduce((sum, call) => sum + call.completionTokens, 0);
    const usage = {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    };
    return { model: calls[0]?.upstream?.name ?? model, reason: reasons[index] ?? 'failed', usage };
  });
}

function toFailover(segments: readonly SegmentAccount[]): { readonly failover?: FailoverReport } {
  const last = segments.at(-1)?.upstream;
  if (last === undefined) return {};
  const moves = segments.flatMap(({ upstream }) =>
    upstream?.move === undefined
      ? []
      : {
          from: upstream.move.from,
          to: upstream.name,
          because: upstream.move.because,
          continued_from: upstream.move.continuedFrom,
        },
  );
  const passedOver = last.passedOver.map(({ name, because }) => ({ upstream: name, because }));
  if (moves.length === 0 && passedOver.length === 0) return {};
  return { failover: { upstream: last.name, moves, passed_over: passedOver } };
}

function alwaysReported(
  report: ForcingReport,
  segments: readonly SegmentAccount[],
  { shrunk, setBy, load }: Pick<RunningGeneration, 'shrunk' | 'setBy' | 'load'>,
) {
  return {
    thinking_tokens: report.thinkingTokens,
    answer_tokens: report.answerTokens,
    delimiter_tokens: report.delimiterTokens,
    end_reason: report.endReason ?? null,
    waits: report.waits,
    segments: report.segments,
    sampled_tokens: report.sampledTokens,
    forced_tokens: report.forcedTokens,
    discarded_tokens: report.discardedTokens,
    minimum_missed: report.minimumMissed ?? null,
    limits: {
      min_tokens: report.limits.minTokens,
      max_tokens: report.limits.maxTokens,
      waits: report.limits.waits,
      max_answer_tokens: report.limits.maxAnswerTokens,
      set_by: setBy,
      shrunk: shrunk.map(({ limit, from, to, because }) => ({ limit, from, to, because })),
    },
    load:
      load === undefined
        ? null
        : {
            elastic: load.elastic,
            wanted: load.requested,
            granted: load.granted,
            floor: load.floor,
            set_by: report.endReason === 'load' ? 'load' : load.setBy,
            copies: load.copies,
            starting_copies: load.startingCopies,
            // Without copies, pressure is infinite, which JSON cannot express.
            pressure: Number.isFinite(load.pressure) ? Math.round(load.pressure * 1_000) / 1_000 : null,
            expected_wait_seconds: Math.ceil(load.expectedWaitSeconds),
          },
    events: report.events.map((event) => ({ ...event })),
    calls: segments.map((segment) => ({
      part: segment.part,
      prompt_tokens: segment.promptTokens,
      prompt_tokens_evaluated: segment.promptTokensEvaluated ?? null,
      tokens: segment.tokens,
      failure: segment.failure ?? null,
      ...(segment.upstream === undefined ? {} : { upstream: segment.upstream.name }),
    })),
  };
}
