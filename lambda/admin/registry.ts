import type { Api } from '../apis/api.ts';
import { adminFeedback } from './feedback/api.ts';
import { keys } from './keys/api.ts';
import { scaling } from './scaling/api.ts';
import { usage } from './usage/api.ts';
import { adminWebhooks } from './webhooks/api.ts';

/** The APIs for operators, in the order of the OpenAPI document. Paths under `/v1/admin` require an admin key. */
export const adminApis: readonly Api[] = [usage, keys, adminWebhooks, scaling, adminFeedback];
