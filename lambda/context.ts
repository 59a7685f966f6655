import type { BackgroundResponses } from './background/background-responses.ts';
import type { Batches } from './batches/batches.ts';
import type { Clock } from './clock.ts';
import type { Log } from './errors/log.ts';
import type { FeedbackStore } from './feedback/feedback-store.ts';
import type { Shutdown } from './generation/shutdown.ts';
import type { KeyHashes } from './keys/authenticate.ts';
import type { FailedLogins } from './keys/failed-logins.ts';
import type { Caller } from './keys/key-record.ts';
import type { KeyStore } from './keys/key-store.ts';
import type { Ledger } from './keys/ledger.ts';
import type { ServedModel } from './models/served-model.ts';
import type { Retriever } from './retrieval/retriever.ts';
import type { DocumentStores } from './retrieval/stores/document-stores.ts';
import type { FileStore } from './retrieval/stores/file-store.ts';
import type { BatchPriority } from './scaling/admission-gate.ts';
import type { ModelAutoscaler } from './scaling/model-autoscaler.ts';
import type { ZeroCopiesReport } from './scaling/zero-copies-report.ts';
import type { Aliases } from './settings/aliases.ts';
import type { RouteSettings } from './settings/routes.ts';
import type { PrefixCache } from './settings/settings.ts';
import type { Webhooks } from './webhooks/webhooks.ts';

/** Everything that the app takes from outside. `compose` makes it from the settings; tests make their own. */
export interface AppDependencies {
  /** At least one. The playground preselects the first. */
  readonly models: readonly ServedModel[];
  /** Further names of models: the id of the model by the alias. If omitted, there are none. */
  readonly aliases?: Aliases;
  /** Ids behind which several models answer, the smallest first. If omitted, there are none. */
  readonly routes?: readonly RouteSettings[];
  /** Whether `/v1/completions` may be used, whose prompts may contain control tokens. @default false */
  readonly rawPrompts?: boolean;
  /** Whether keys share the prefix cache of a model. @default 'shared' */
  readonly prefixCache?: PrefixCache;
  /** Origins of pages that may call the API from a browser (`corsOriginSchema`). If omitted, none. */
  readonly corsOrigins?: readonly string[];
  /** Whether long JSON answers are compressed. Not in Lambda: API Gateway passes on no content encoding of a stream. @default false */
  readonly gzip?: boolean;
  /** Hashes of the admin keys. If omitted, requests need no key. */
  readonly keyHashes?: KeyHashes;
  /** Keys with limits of their own. If omitted, only the keys of `keyHashes` are valid. */
  readonly keys?: KeyStore;
  /** If omitted, usage is not recorded and key limits are not enforced. */
  readonly ledger?: Ledger;
  /** Generations of clients that consented, and feedback on them. If omitted, nothing of a conversation is stored. */
  readonly feedback?: FeedbackStore;
  /** Responses that clients ask to store. If omitted, none are. */
  readonly responses?: BackgroundResponses;
  /** Files and stores of documents. If omitted, none are kept. */
  readonly documents?: DocumentStores;
  /** Searches the stores of documents. If omitted, requests with `retrieval` are refused. */
  readonly retriever?: Retriever;
  /** Uploaded files, if there are no stores of documents. @default - those of `documents` */
  readonly files?: FileStore;
  /** Batches of requests. If omitted, none are taken. */
  readonly batches?: Batches;
  /** Tells clients how background work ended. If omitted, no webhooks are sent. */
  readonly webhooks?: Webhooks;
  /** Load and scaling of each model, by model id. If omitted, every request is admitted with its full budget. */
  readonly loads?: ReadonlyMap<string, ModelAutoscaler>;
  /** Reports the desired copies of models that scale to zero, and not by load, by model id. If omitted, none are reported. */
  readonly zeroCopies?: ReadonlyMap<string, ZeroCopiesReport>;
  /** The end of the process. If omitted, it ends between requests only, as in Lambda. */
  readonly shutdown?: Shutdown;
  /** Failed logins by source. If omitted, they are not counted. */
  readonly failedLogins?: FailedLogins;
  /** Returns a random number from 0 to 1, which spreads retries of clients and of the server. If omitted, delays are exact. */
  readonly random?: () => number;
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

/** What the app would otherwise learn from the headers of a request. */
export interface BatchLineOrigin {
  /** The key of the batch. */
  readonly caller: Caller;
  readonly requestId: string;
  readonly priority: BatchPriority;
}

export interface AppEnvironment {
  Bindings: {
    /** Address of the client. */
    readonly source?: string | undefined;
    /** Set by the worker of batches, for a line that it sends to the app: a client cannot set it. */
    readonly line?: BatchLineOrigin;
  };
  Variables: { requestId: string; caller: Caller };
}
