import { checkAccess } from '../checks/check-access.ts';
import { checkAliases } from '../checks/check-aliases.ts';
import { checkBatches } from '../checks/check-batches.ts';
import { checkFunctionEnvironment } from '../checks/check-environment.ts';
import { checkExisting } from '../checks/check-existing.ts';
import { checkFallbacks, checkFallbackTokenizer, checkHedge, checkUpstreamRegion } from '../checks/check-fallbacks.ts';
import { checkFunctionNetwork } from '../checks/check-function-network.ts';
import { checkGates } from '../checks/check-gates.ts';
import { checkScalingLedger } from '../checks/check-load-scaling.ts';
import { checkRange } from '../checks/check-range.ts';
import { checkBackground, checkRetention } from '../checks/check-retention.ts';
import { checkRetrieval } from '../checks/check-retrieval.ts';
import { checkRoutes } from '../checks/check-routes.ts';
import { checkThinking } from '../checks/check-thinking.ts';
import { checkRequestTimeouts } from '../checks/check-timeouts.ts';
import { checkTokenizer } from '../checks/check-tokenizer.ts';
import { checkAnyModel, checkEndpointGiven, checkModelIds, checkUpstream } from '../checks/check-upstream.ts';
import { limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import type { ReasoningApiProps, ResolvedApi } from './api-props.ts';
import { type ApiModel, thinkingOf, tokenizerFile } from './api-settings.ts';
import { isExternal, isHosted } from './external-model.ts';
import { fallbackName, fallbackTokenizer, inlineFallbacks, type ModelFallback } from './fallback.ts';
import { familyTokenizer } from './family-tokenizer.ts';
import type { OtherUpstream } from './other-upstreams.ts';
import { thinkingDefaults } from './thinking-defaults.ts';
import { tokenizerPath } from './tokenizer-layer.ts';

/**
 * Runs all checks of an API.
 *
 * @param environmentBytes size of the function's environment variables
 */
export function checkApi(
  region: string,
  props: ReasoningApiProps,
  resolved: ResolvedApi,
  environmentBytes: number,
): readonly (Refusal | undefined)[] {
  const models = props.models.map(({ model }) => model);
  const hosted = models.filter(isHosted);
  const scaled = hosted.find(({ deployedScaling }) => deployedScaling !== undefined);
  return [
    ...checkRequestTimeouts(resolved),
    checkRange('function-memory', 'memoryMb', resolved.memoryMb, limits.functionMemoryMb),
    checkScalingLedger(resolved.ledger, scaled?.id),
    ...(['feedbackDays', 'responsesDays'] as const).flatMap((field) =>
      checkRetention(field, props.retention?.[field] ?? 0, resolved.ledger, props.apiKey !== false),
    ),
    checkBackground(props.background, props.retention?.responsesDays ?? 0),
    ...checkRetrievalOf(region, props, resolved.ledger),
    ...checkBatches({
      batches: props.batches,
      webhooks: props.webhooks === true,
      filesDays: props.retention?.filesDays ?? 0,
      ledger: resolved.ledger,
      isolated: props.network?.isolated === true,
    }),
    ...checkExisting(region, props, resolved.ledger),
    ...checkAccess(region, props, resolved.keepAliveSeconds),
    checkFunctionEnvironment(environmentBytes),
    checkAnyModel(models.length),
    checkModelIds(models.map(({ id }) => id)),
    checkAliases(
      props.aliases,
      [...models, ...(props.routes ?? [])].map(({ id }) => id),
    ),
    checkRoutes(
      props.routes,
      props.models.map(({ model, thinking }) => ({ id: model.id, calibration: thinking?.calibration })),
      props.aliases,
    ),
    checkEndpointGiven(
      hosted.map(({ id }) => id),
      props.endpoint !== undefined,
    ),
    ...checkUpstreams(region, props),
    ...props.models.flatMap(checkOfferedModel),
    ...checkFallbacksOf(props.models),
  ];
}

function checkRetrievalOf(
  region: string,
  { retrieval, models: [first], apiKey }: ReasoningApiProps,
  ledger: string,
): readonly (Refusal | undefined)[] {
  if (retrieval === undefined || first === undefined) return [];
  const tokenizer = tokenizerFile(first);
  return checkRetrieval({ region, ledger, apiKey: apiKey !== false, model: first.model.id, tokenizer });
}

/** Checks every server and every endpoint that this app does not deploy. */
function checkUpstreams(
  region: string,
  { models, fallbackRegions = [], network }: ReasoningApiProps,
): readonly (Refusal | undefined)[] {
  const inNetwork = network !== undefined;
  const targets = upstreamFields(models);
  return [
    ...targets.flatMap(({ id, field, upstream }) =>
      upstream.kind === 'sagemaker'
        ? [checkUpstreamRegion(region, id, upstream, fallbackRegions)]
        : checkUpstream(region, id, upstream, { field, inNetwork }),
    ),
    ...checkFunctionNetwork(region, network, targets),
  ];
}

/** Every server and endpoint that this app does not deploy, with its path in its model. */
function upstreamFields(
  models: readonly ApiModel[],
): readonly { readonly id: string; readonly field: string; readonly upstream: OtherUpstream }[] {
  return models.flatMap(({ model, fallbacks }) => [
    ...(isExternal(model) ? [{ id: model.id, field: 'upstream', upstream: model.upstream }] : []),
    ...inlineFallbacks(fallbacks).map((fallback) => ({
      id: model.id,
      field: `fallbacks[${fallbacks?.indexOf(fallback)}].upstream`,
      upstream: fallback.upstream,
    })),
  ]);
}

function checkFallbacksOf(models: readonly ApiModel[]): readonly (Refusal | undefined)[] {
  return [
    ...checkFallbacks(
      models.map(({ model, fallbacks, hedgeAfterMs }) => ({
        id: model.id,
        contextTokens: model.contextTokens,
        hedgeAfterMs,
        fallbacks: fallbacks?.map((fallback) =>
          'model' in fallback
            ? fallback
            : {
                upstream: fallback.upstream,
                name: fallbackName(fallback),
                contextTokens: fallback.contextTokens ?? model.contextTokens,
              },
        ),
      })),
    ),
    ...models.flatMap((entry) => [
      checkHedge(entry.model.id, entry.hedgeAfterMs, !isOfOtherVocabulary(entry, entry.fallbacks?.[0], models)),
      ...(entry.fallbacks ?? []).map((fallback) =>
        checkFallbackTokenizer(entry.model.id, fallbackName(fallback), canGoOn(entry, fallback, models)),
      ),
    ]),
  ];
}

/** Whether a fallback's ids differ from those of the model. */
function isOfOtherVocabulary(
  entry: ApiModel,
  fallback: ModelFallback | undefined,
  models: readonly ApiModel[],
): boolean {
  if (fallback === undefined) return false;
  if ('model' in fallback) {
    const other = models.find(({ model }) => model.id === fallback.model);
    return other !== undefined && (other.format !== entry.format || !hasSameTokenizer(entry, tokenizerFile(other)));
  }
  const { format = entry.format } = fallback;
  const own = fallbackTokenizer(fallback, entry.format);
  return format !== entry.format || (own !== undefined && !hasSameTokenizer(entry, own));
}

/** Whether a file has the content of the model's tokenizer.json. */
function hasSameTokenizer(entry: ApiModel, file: string | undefined): boolean {
  const own = tokenizerFile(entry);
  return own !== undefined && file !== undefined && tokenizerPath(own) === tokenizerPath(file);
}

/** Whether a thought can go on at a fallback: from its ids, or because the function has its tokenizer.json. */
function canGoOn(entry: ApiModel, fallback: ModelFallback, models: readonly ApiModel[]): boolean {
  if (!isOfOtherVocabulary(entry, fallback, models)) return true;
  if (!('model' in fallback)) return fallbackTokenizer(fallback, entry.format) !== undefined;
  const other = models.find(({ model }) => model.id === fallback.model);
  return other === undefined || tokenizerFile(other) !== undefined;
}

function checkOfferedModel(entry: ApiModel): readonly (Refusal | undefined)[] {
  const { model, format, tokenizer } = entry;
  return [
    checkThinking(model, thinkingOf(entry), thinkingDefaults(model.contextTokens).maxTokens),
    checkGates(model.id, entry.thinking?.gates, entry.thinking?.calibration),
    checkTokenizer(
      { id: model.id, canTokenize: isExternal(model) || model.canTokenize },
      format,
      tokenizer,
      familyTokenizer(format),
    ),
  ];
}
