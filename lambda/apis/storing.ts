import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../context.ts';
import { invalidRequest } from '../errors/api-error.ts';
import { generationRecorder } from '../feedback/recorder.ts';
import type { GenerationContext, IgnoredField } from '../generation/request.ts';
import { STORE_HEADER } from '../generation/start-generation.ts';

/** What a dialect knows about storing a request. */
export interface StoringRequest {
  /** Id of the response. */
  readonly id: string;
  /** The field that names the user, and its value. `undefined`: the request names none. */
  readonly user: { readonly field: string; readonly name: string } | undefined;
  /** Whether the body refuses to be stored. */
  readonly refusesStore: boolean;
  readonly ignored: readonly IgnoredField[];
}

/**
 * Decides whether a request is stored: the deployment stores feedback (`retention.feedbackDays`), the key allows it (`store`), and
 * neither the header `x-budgetforce-store: false` nor the body's `store: false` refuses. If so, the fields that it uses are no longer
 * reported as ignored.
 *
 * @throws {ApiError} 400 if the header is neither `true` nor `false`
 */
export function storing(
  context: Context<AppEnvironment>,
  { feedback }: AppDependencies,
  { id, user, refusesStore, ignored }: StoringRequest,
): Pick<GenerationContext, 'recorder'> & { readonly ignored: readonly IgnoredField[] } {
  const { id: key, store = false } = context.get('caller');
  const refused = refusesStoreByHeader(context) || refusesStore;
  if (feedback === undefined || !store || refused) return { ignored };
  const used = ['store', user?.field];
  return {
    recorder: generationRecorder(feedback, { id, key, user: user?.name }),
    ignored: ignored.filter(({ field }) => !used.includes(field)),
  };
}

/** The first of the fields that names the user. */
export function userOf(fields: Readonly<Record<string, string | null | undefined>>): StoringRequest['user'] {
  return Object.entries(fields).flatMap(([field, name]) => (name == null || name === '' ? [] : { field, name }))[0];
}

/** Whether a header refuses that anything of the request is stored. @throws {ApiError} 400 if the header is neither `true` nor `false` */
export function refusesStoreByHeader(context: Context<AppEnvironment>): boolean {
  const header = context.req.header(STORE_HEADER)?.trim().toLowerCase();
  if (header === undefined || header === 'true' || header === 'false') return header === 'false';
  throw invalidRequest(
    STORE_HEADER,
    `The header ${STORE_HEADER} is ${JSON.stringify(header.slice(0, 32))}. Send false, so that nothing of the request is stored, or leave it out.`,
  );
}
