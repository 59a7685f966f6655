import * as z from 'zod';
import { IdleLimitedModel } from './idle-limited-model.ts';
import { openAiCompatible } from './openai-compatible.ts';
import { sageMaker } from './sagemaker.ts';
import type { Upstream, UpstreamContext, UpstreamKind } from './upstream.ts';

/** Every kind of upstream. docs/contributing/add-an-upstream.md says how to add one. */
export const upstreamSchema = z.discriminatedUnion('kind', [sageMaker.settings, openAiCompatible.settings]);
export type UpstreamSettings = z.output<typeof upstreamSchema>;

const kinds = {
  sagemaker: sageMaker,
  'openai-compatible': openAiCompatible,
} satisfies Record<UpstreamSettings['kind'], UpstreamKind>;

/** Returns the value of the dimension `Endpoint` in CloudWatch metrics: the endpoint's name, or the server's host. */
export function upstreamName(settings: UpstreamSettings): string {
  return kinds[settings.kind].nameOf(settings);
}

/**
 * Returns a function that opens the upstream of a model. Each kind connects once, for the first model that has it.
 *
 * @param defaultIdleMs time after which a silent call of a model without its own is ended and resumed, in milliseconds. @default a minute
 */
export function upstreamConnector(
  context: UpstreamContext,
  defaultIdleMs?: number,
): (settings: UpstreamSettings, modelId: string, idleMs?: number) => Promise<Upstream> {
  const connected = new Map<UpstreamSettings['kind'], ReturnType<UpstreamKind['connect']>>();
  return async (settings, modelId, idleMs = defaultIdleMs) => {
    const connection = connected.get(settings.kind) ?? kinds[settings.kind].connect(context);
    connected.set(settings.kind, connection);
    const upstream = (await connection)(settings, modelId);
    return { ...upstream, segments: new IdleLimitedModel(upstream.segments, idleMs) };
  };
}
