import type { BackgroundResponses } from '../background/background-responses.ts';
import type { AppDependencies } from '../context.ts';
import { ApiError } from '../errors/api-error.ts';
import type { Caller } from '../keys/key-record.ts';

/**
 * The store of responses, if the deployment keeps responses (`retention.responsesDays`) and the key allows it (`store`). An admin key
 * decides itself.
 *
 * @param asked the field or header that asks for it, with its value
 * @throws {ApiError} 400 that names both permissions
 */
export function permittedStore(
  { responses }: Pick<AppDependencies, 'responses'>,
  { admin, store = false }: Caller,
  asked: { readonly field: string; readonly value: string },
): BackgroundResponses {
  if (responses !== undefined && (admin || store)) return responses;
  const days = responses === undefined ? '0, so the deployment keeps no responses' : 'set';
  const key = admin || store ? 'set' : 'false, so nothing of its requests is kept';
  throw new ApiError(
    400,
    `${asked.value} stores the response, which needs two permissions: the config’s retention.responsesDays, which is ${days}, and the key’s store, which is ${key}. Have an operator set both, or omit ${asked.field}.`,
    { param: asked.field, code: 'store_not_permitted' },
  );
}

/**
 * The store of responses for routes that read it.
 *
 * @throws {ApiError} 404 if the deployment keeps no responses
 */
export function requireResponses({ responses }: Pick<AppDependencies, 'responses'>): BackgroundResponses {
  if (responses !== undefined) return responses;
  throw new ApiError(404, 'This deployment keeps no responses. Set retention.responsesDays in its config.', {
    code: 'responses_off',
  });
}

/**
 * What starts responses in the background.
 *
 * @throws {ApiError} 400 if the deployment has nothing that runs them
 */
export function requireBackground(
  { start }: BackgroundResponses,
  asked: { readonly field: string; readonly value: string },
): NonNullable<BackgroundResponses['start']> {
  if (start !== undefined) return start;
  throw new ApiError(
    400,
    `${asked.value} is not possible here: nothing runs in the background. Have an operator set background in the config, or omit ${asked.field}.`,
    { param: asked.field, code: 'background_off' },
  );
}

/** @throws {ApiError} 400 for what a generation over several segments of work cannot do */
export function refuseInBackground(
  { samples, route }: { readonly samples: number; readonly route?: unknown },
  asked: { readonly field: string; readonly value: string },
): void {
  const what = samples > 1 ? 'n above 1' : route === undefined ? undefined : 'a route over several models';
  if (what === undefined) return;
  throw new ApiError(
    400,
    `${asked.value} does not support ${what}. Send one request for each, or omit ${asked.field}.`,
    {
      param: asked.field,
      code: 'background_unsupported',
    },
  );
}
