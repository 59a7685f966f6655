import type { Clock } from './clock.ts';
import type { Log } from './errors/log.ts';
import type { KeyHashes } from './keys/authenticate.ts';
import type { Caller } from './keys/key-record.ts';
import type { KeyStore } from './keys/key-store.ts';
import type { Ledger } from './keys/ledger.ts';
import type { ServedModel } from './models/served-model.ts';
import type { ModelAutoscaler } from './scaling/model-autoscaler.ts';

/** All that the app takes from outside: one composition root for Lambda, one for the laptop, one for tests. */
export interface AppDependencies {
  /** At least one; the first is the default of the page. */
  readonly models: readonly ServedModel[];
  /** Absent: no key is asked for. */
  readonly keyHashes?: KeyHashes;
  /** Keys with limits of their own. Absent: only those of `keyHashes`. */
  readonly keys?: KeyStore;
  /** Absent: nobody counts, and no limit of a key holds. */
  readonly ledger?: Ledger;
  /** The load and the scaling of models, by their ids. Absent: nobody looks at it. */
  readonly loads?: ReadonlyMap<string, ModelAutoscaler>;
  readonly clock: Clock;
  /** Unix time. Seconds. */
  readonly unixTime: () => number;
  /** A new random id, without a prefix. */
  readonly newId: () => string;
  readonly log: Log;
  readonly requestTimeoutMs: number;
  readonly capacityWaitMs: number;
  readonly keepAliveMs: number;
}

export interface AppEnvironment {
  Variables: { requestId: string; caller: Caller };
}
