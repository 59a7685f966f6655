import type { Config } from '../../lib/config.ts';
import type { CreatedResources } from '../../plan/created.ts';
import type { AwsClients } from './aws-clients.ts';

/** What a check found. */
export interface Finding {
  /** Area, for instance `quotas`. */
  readonly check: string;
  /** `unchecked`: the answer is not known, and `text` says why. */
  readonly status: 'ok' | 'warning' | 'problem' | 'unchecked';
  /** One sentence. */
  readonly text: string;
  /** Command that mends it, or shows more. */
  readonly fix?: string | undefined;
}

/** What a check reads. */
export interface Patient {
  readonly config: Config;
  readonly clients: AwsClients;
  /** Resources of the templates. `undefined` if the config is refused. */
  readonly created: readonly CreatedResources[] | undefined;
}

/** Looks at one thing that a deployment needs. May throw what AWS's clients throw. */
export type Check = (patient: Patient) => Promise<readonly Finding[]>;
