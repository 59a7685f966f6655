import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import type { UsedElsewhere, UsedTokens } from '../keys/ledger.ts';
import type { AdmittedGeneration } from './admit-request.ts';
import type { GenerationRequest } from './request.ts';
import { cachedTokensOf, type SampleAccount, toChatUsage } from './usage.ts';

/**
 * Passes events on and, when they end, fail or are no longer read, releases the lease of the load and settles the used tokens
 * with the key's reservation.
 *
 * @param searches returns the number of searches of the request. @default - none
 * @param accounts filled by the samples as they end. Of a route, each model's are settled under its own id.
 */
export async function* releaseAtEnd<Event>(
  events: AsyncGenerator<Event>,
  { admission, reservation, promptTokens }: AdmittedGeneration,
  accounts: readonly SampleAccount[],
  { route, model }: Pick<GenerationRequest, 'route' | 'model'>,
  log: Log,
  searches: () => number = () => 0,
): AsyncGenerator<Event> {
  admission?.admitted.begin();
  try {
    yield* events;
  } finally {
    // A failure to write either must not hide the answer, nor keep the other from being written.
    await admission?.admitted.end(cachedTokensOf(accounts)).catch((error: unknown) => {
      log('error', 'load lease not released', loggableError(error));
    });
    const used = toUsedTokens(
      promptTokens,
      accounts.filter(({ attempt = 0 }) => attempt === 0),
      model.settings.id,
      searches(),
    );
    const further = (route?.further ?? []).flatMap(({ model: { settings } }, at) => {
      const own = accounts.filter(({ attempt }) => attempt === at + 1);
      const [first] = own;
      if (first === undefined) return [];
      return [{ model: settings.id, ...toUsedTokens(first.report.promptTokens, own, settings.id) }];
    });
    await reservation?.settle(used, further).catch((error: unknown) => {
      // With the tokens, so that they can be counted from the log.
      const others = further.length === 0 ? {} : { further };
      log('error', 'usage not settled', { ...reservation.request, ...used, ...others, ...loggableError(error) });
    });
  }
}

function toUsedTokens(
  promptTokens: number,
  accounts: readonly SampleAccount[],
  model: string,
  searches = 0,
): UsedTokens {
  const sum = (select: (report: SampleAccount['report']) => number) =>
    accounts.reduce((total, { report }) => total + select(report), 0);
  return {
    prompt: promptTokens + sum((report) => report.retrievedTokens),
    cached: toChatUsage(accounts).prompt_tokens_details.cached_tokens,
    thinking: sum((report) => report.thinkingTokens),
    answer: sum((report) => report.answerTokens),
    forced: sum((report) => report.forcedTokens),
    probe: sum((report) => report.probeTokens),
    aborted: sum((report) => report.abortedTokens),
    ...retrievedOf(accounts, searches),
    ...elsewhereOf(accounts, model),
  };
}

/** The passages that a model read, in its prompt or in its thoughts, and the searches for them. */
function retrievedOf(accounts: readonly SampleAccount[], searches: number): Pick<UsedTokens, 'retrieved' | 'searches'> {
  const inPrompt = accounts.find(({ retrieval }) => retrieval?.when === 'before')?.retrieval?.tokens ?? 0;
  const retrieved = accounts.reduce((sum, { report }) => sum + report.retrievedTokens, inPrompt);
  return retrieved === 0 && searches === 0 ? {} : { retrieved, searches };
}

/** What fallbacks did of a request. A call without a token has no price. */
function elsewhereOf(
  accounts: readonly SampleAccount[],
  model: string,
): { readonly elsewhere?: readonly UsedElsewhere[] } {
  const used = new Map<string, UsedElsewhere>();
  for (const { segments } of accounts) {
    const prompted = new Set<string>();
    for (const { upstream, tokens, promptTokens, completionTokens } of segments) {
      if (upstream === undefined || upstream.name === model || tokens === 0) continue;
      const { prompt = 0, completion = 0 } = used.get(upstream.name) ?? {};
      used.set(upstream.name, {
        upstream: upstream.name,
        prompt: prompt + (prompted.has(upstream.name) ? 0 : promptTokens),
        completion: completion + completionTokens,
      });
      prompted.add(upstream.name);
    }
  }
  return used.size === 0 ? {} : { elsewhere: [...used.values()] };
}
