import type { AppDependencies } from '../context.ts';
import { ApiError } from '../errors/api-error.ts';
import type { Caller } from '../keys/key-record.ts';

/** What needs the permission, and what to use without it, for the error message. */
export interface RawPromptUse {
  readonly what: string;
  readonly instead: string;
  /** Status if the deployment has it off: 404 if the route is not served, 403 if only a field is refused. */
  readonly status: 403 | 404;
}

/**
 * Checks that the deployment (`api.rawPrompts`) and the key (`raw_prompts`) let a client decide what the model has written so far.
 *
 * @throws {ApiError} 403, or `use.status`, if they do not
 */
export function checkRawPrompts({ rawPrompts }: AppDependencies, caller: Caller, use: RawPromptUse): void {
  if (rawPrompts !== true) {
    throw new ApiError(
      use.status,
      `This deployment does not serve ${use.what}. ${use.instead}, or set api.rawPrompts: true in its config.`,
      { code: 'raw_prompts_off' },
    );
  }
  if (!caller.admin && caller.rawPrompts !== true) {
    throw new ApiError(
      403,
      `This key may not use ${use.what}. ${use.instead}, or have an operator set raw_prompts: true on the key.`,
      { code: 'raw_prompts_off' },
    );
  }
}
