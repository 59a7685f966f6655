import type * as z from 'zod';
import type { SegmentModel } from './segment-model.ts';

/** Server that runs the segments of one model. */
export interface Upstream {
  readonly segments: SegmentModel;
  /** Calls the server's `/tokenize` and returns the parsed JSON of its response. */
  readonly tokenize: (route: '/tokenize', body: unknown, signal?: AbortSignal) => Promise<unknown>;
}

/** Bearer key of a server, read when the first request needs it. */
export interface KeySource {
  /** Returns the key. */
  current(): Promise<string>;
  /** Returns the key after the server has rejected `rejected`. The same key if no newer one is known. */
  renewed(rejected: string): Promise<string>;
}

/** What an upstream takes from outside. */
export interface UpstreamContext {
  /** Returns the key that a secret holds. Nothing is read before the key is used. */
  readonly secretKey: (secretArn: string) => KeySource;
  /** Returns the key of a model whose settings name no secret, on a laptop. `undefined`: the server needs none. */
  readonly localKey: (modelId: string) => KeySource | undefined;
}

/** A kind of upstream: its settings, and how to connect to a server of this kind. */
export interface UpstreamKind<Schema extends z.ZodObject = z.ZodObject> {
  /** Schema with the literal field `kind`. */
  readonly settings: Schema;
  /** Returns the value of the dimension `Endpoint` in CloudWatch metrics. */
  nameOf(settings: unknown): string;
  /**
   * Loads the implementation and creates what its models share, such as an SDK client. Called once, and only if a model has
   * this kind. The result opens the upstream of one model.
   */
  connect(context: UpstreamContext): Promise<(settings: unknown, modelId: string) => Upstream>;
}

/** Defines a kind. Its functions get settings that its schema has parsed. */
export function defineUpstream<Schema extends z.ZodObject>(kind: {
  readonly settings: Schema;
  readonly nameOf: (settings: z.output<Schema>) => string;
  readonly connect: (context: UpstreamContext) => Promise<(settings: z.output<Schema>, modelId: string) => Upstream>;
}): UpstreamKind<Schema> {
  return {
    settings: kind.settings,
    nameOf: (settings) => kind.nameOf(kind.settings.parse(settings)),
    async connect(context) {
      const open = await kind.connect(context);
      return (settings, modelId) => open(kind.settings.parse(settings), modelId);
    },
  };
}
