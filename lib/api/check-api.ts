import { checkAccess } from '../checks/check-access.ts';
import { checkAliases } from '../checks/check-aliases.ts';
import { checkFunctionEnvironment } from '../checks/check-environment.ts';
import { checkScalingLedger } from '../checks/check-load-scaling.ts';
import { checkRange } from '../checks/check-range.ts';
import { checkRoutes } from '../checks/check-routes.ts';
import { checkThinking } from '../checks/check-thinking.ts';
import { checkRequestTimeouts } from '../checks/check-timeouts.ts';
import { checkTokenizer } from '../checks/check-tokenizer.ts';
import { checkAnyModel, checkEndpointGiven, checkModelIds, checkUpstream } from '../checks/check-upstream.ts';
import { limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import type { ReasoningApiProps, ResolvedApi } from './api-props.ts';
import { type ApiModel, thinkingOf } from './api-settings.ts';
import { isExternal, isHosted } from './external-model.ts';
import { thinkingDefaults } from './thinking-defaults.ts';
import { familyTokenizer } from './tokenizer-layer.ts';

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
      models.map(({ id }) => id),
      props.aliases,
    ),
    checkEndpointGiven(
      hosted.map(({ id }) => id),
      props.endpoint !== undefined,
    ),
    ...models.filter(isExternal).flatMap(({ id, upstream }) => checkUpstream(region, id, upstream)),
    ...props.models.flatMap(checkOfferedModel),
  ];
}

function checkOfferedModel(entry: ApiModel): readonly (Refusal | undefined)[] {
  const { model, format, tokenizer } = entry;
  return [
    checkThinking(model, thinkingOf(entry), thinkingDefaults(model.contextTokens).maxTokens),
    checkTokenizer(
      { id: model.id, canTokenize: isExternal(model) || model.canTokenize },
      format,
      tokenizer,
      familyTokenizer(format),
    ),
  ];
}
