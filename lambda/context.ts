import type { Clock } from './clock.ts';
import type { Log } from './errors/log.ts';
import type { KeyHashes } from './keys/authenticate.ts';
import type { Caller } from './keys/key-record.ts';
import type { KeyStore } from './keys/key-store.ts';
import type { Ledger } from './keys/ledger.ts';
import type { ServedModel } from './models/served-model.ts';
import type { ModelAutoscaler } from './scaling/model-autoscaler.ts';
import type { ZeroCopiesReport } from './scaling/zero-copies-report.ts';

/** Everything that the app takes from outside. `compose` makes it from the settings; tests make their own. */
export interface AppDependencies {
  /** At least one. The playground preselects the first. */
  readonly models: readonly ServedModel[];
  /** Hashes of the admin keys. If omitted, requests need no key. */
  readonly keyHashes?: KeyHashes;
  /** Keys with limits of their own. If omitted, only the keys of `keyHashes` are valid. */
  readonly keys?: KeyStore;
  /** If omitted, usage is not recorded and key limits are not enforced. */
  readonly ledger?: Ledger;
  /** Load and scaling of each model, by model id. If omitted, every request is admitted with its full budget. */
  readonly loads?: ReadonlyMap<string, ModelAutoscaler>;
  /** Reports the desired copies of models that scale to zero, and not by load, by model id. If omitted, none are reported. */
  readonly zeroCopies?: ReadonlyMap<string, ZeroCopiesReport>;
  readonly clock: Clock;
  /** Unix time, in seconds. */
  readonly unixTime: () => number;
  /** Returns a new random id, without a prefix. */
  readonly newId: () => string;
  readonly log: Log;
  /** Whether fields that have no effect are refused. @default false */
  readonly strict?: boolean;
  readonly requestTimeoutMs: number;
  readonly capacityWaitMs: number;
  readonly keepAliveMs: number;
}

export interface AppEnvironment {
  Variables: { requestId: string; caller: Caller };
}
