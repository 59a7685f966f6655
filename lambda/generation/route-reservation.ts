import { ApiError } from '../errors/api-error.ts';
import { ModelError } from '../upstream/errors.ts';
import { maxTokensOf, runsOf } from './admit-request.ts';
import { prepareRequest } from './prepare-request.ts';
import type { GenerationContext, GenerationRequest } from './request.ts';
import { settlePolicy } from './settle-policy.ts';

/**
 * Maximum tokens of a route's models after the first, over all samples of the request: each may run for every sample. 0 without a route.
 *
 * @throws {ApiError} 400 if the request cannot run on one of them
 */
export async function furtherTokens(
  { route }: GenerationRequest,
  context: Pick<GenerationContext, 'caller' | 'signal' | 'lookup'>,
): Promise<number> {
  if (route === undefined) return 0;
  const { settings, further } = route;
  const tokens = await Promise.all(
    further.map(async (request, at) => {
      const runs = at === further.length - 1 ? request.samples : runsOf(request, settings);
      return await maxTokensOfModel(request, runs, settings.id, context);
    }),
  );
  return tokens.reduce((sum, count) => sum + count, 0);
}

async function maxTokensOfModel(
  request: GenerationRequest,
  runs: number,
  routeId: string,
  context: Pick<GenerationContext, 'caller' | 'signal' | 'lookup'>,
): Promise<number> {
  const { id, contextTokens } = request.model.settings;
  try {
    const policy = settlePolicy(request, context.caller);
    return maxTokensOf(policy.request, await prepareRequest(policy.request, context), runs);
  } catch (error) {
    // Its server tokenizes, and has no copy: no request has more tokens than the window.
    if (error instanceof ModelError) return contextTokens * runs;
    if (!(error instanceof ApiError) || error.status !== 400) throw error;
    throw new ApiError(
      400,
      `The route ${JSON.stringify(routeId)} may run the model ${JSON.stringify(id)}, which cannot run this request. ${error.message}`,
      {
        ...(error.param === null ? {} : { param: error.param }),
        ...(error.code === null ? {} : { code: error.code }),
        cause: error,
      },
    );
  }
}
