import type { AppDependencies } from '../context.ts';
import { remainingHeaders } from '../keys/ledger.ts';
import { lookupOf } from './lookup.ts';
import { mergeGenerators } from './merge-generators.ts';
import { ModelRun, type RequestRun } from './model-run.ts';
import { policyName } from './policy-name.ts';
import { prepareAndAdmit } from './prepare-and-admit.ts';
import { recordEvents } from './record-events.ts';
import { releaseAtEnd } from './release-admission.ts';
import type { GenerationContext, GenerationRequest, RunningGeneration } from './request.ts';
import { routedSample } from './routed-sample.ts';
import { RunningVote, type StartSample, VOTE_MEASURE } from './running-vote.ts';
import { toSetBy } from './set-by.ts';
import { settlePolicy } from './settle-policy.ts';
import { TokenCounts } from './token-counts.ts';

/** Header of a request that refuses to be stored, and of a response that is stored. */
export const STORE_HEADER = 'x-budgetforce-store';

/** Timers may fire this much too early, in milliseconds. */
const TIMER_MS = 5;

/**
 * Settles the limits of a request, admits it and prepares its samples. No call of the model starts before `events` is read.
 *
 * @throws {ApiError} 400 if the limits contradict each other or do not fit; 429 or 503 if the request is not admitted.
 */
export async function startGeneration(
  asked: GenerationRequest,
  dependencies: AppDependencies,
  given: GenerationContext,
): Promise<RunningGeneration> {
  const { shutdown, clock } = dependencies;
  const context = { ...given, lookup: lookupOf(asked, dependencies, given.caller) };
  const policy = settlePolicy(asked, context.caller);
  const { request } = policy;
  const timeoutMs = Math.min(dependencies.requestTimeoutMs, request.thinking.deadlineMs ?? Number.POSITIVE_INFINITY);
  const { prepared, admitted } = await prepareAndAdmit(request, timeoutMs, dependencies, context);
  const { limits, shrunk, promptTokens, admission, reservation } = admitted;

  const cancel = new AbortController();
  const run: RequestRun = {
    dependencies,
    context,
    signal: AbortSignal.any([context.signal, cancel.signal, ...(shutdown === undefined ? [] : [shutdown.stop])]),
    deadlineMs: clock.now() + timeoutMs,
    tokens: new TokenCounts(),
    accounts: [],
  };
  const first = await ModelRun.create(policy, prepared, admitted, run);
  const sample: StartSample = (index, signal) =>
    request.route === undefined
      ? first.sample({ index, signal, ...(request.vote?.weighted === true && { gateMeasure: VOTE_MEASURE }) })
      : routedSample({ first, route: request.route, run, index, signal });
  const vote = request.vote && new RunningVote(request.samples, request.vote, request.tools);
  const events =
    vote?.events(sample, () => clock.now() >= run.deadlineMs - TIMER_MS) ??
    mergeGenerators(
      Array.from({ length: request.samples }, (_, index) => sample(index, cancel.signal)),
      () => cancel.abort(new Error('Another sample of the request failed.')),
    );
  const searches = () => (context.lookup?.searches ?? 0) + (context.continuation?.begun?.searches ?? 0);
  const released = releaseAtEnd(events, admitted, run.accounts, request, dependencies.log, searches);
  const { recorder, requestId } = context;
  const recorded =
    recorder === undefined
      ? released
      : recordEvents(released, {
          ...{ recorder, requestId, request, limits, vote },
          policy: policyName(policy),
          signal: AbortSignal.any([context.signal, ...(shutdown === undefined ? [] : [shutdown.stop])]),
          log: dependencies.log,
        });
  return {
    model: request.model.settings.id,
    samples: request.samples,
    headers: {
      ...(reservation === undefined ? {} : remainingHeaders(reservation.remaining)),
      ...(recorder === undefined ? {} : { [STORE_HEADER]: 'true' }),
    },
    excludeThinking: request.thinking.exclude,
    promptTokens,
    limits,
    shrunk,
    setBy: toSetBy(request, shrunk),
    ignored: request.ignored ?? [],
    ...(policy.risk === undefined ? {} : { risk: policy.risk }),
    cites: request.retrieval !== undefined && request.structure === undefined,
    retrieval: prepared.retrieval,
    fallbacks: request.model.failover?.fallbacks.map(({ name }) => name) ?? [],
    load: admission?.report,
    priceOf: (modelId) =>
      [request, ...(request.route?.further ?? [])].map(({ model }) => model.settings).find(({ id }) => id === modelId)
        ?.dollarsPerMillionTokens,
    accounts: run.accounts,
    tokensSoFar: () => run.tokens.total(),
    ...(vote === undefined ? {} : { vote }),
    events: shutdown === undefined ? recorded : shutdown.tracked(recorded),
    cancel: () => cancel.abort(new DOMException('The client went away.', 'AbortError')),
  };
}
