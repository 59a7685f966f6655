import type { DeployedScaling } from '../../lambda/settings/settings.ts';

/** What the API needs to know of a model on an endpoint, or of an adapter on one. */
export interface OfferedModel {
  /** The name that a client writes in `model`. */
  readonly id: string;
  /** What InvokeEndpoint takes as InferenceComponentName. */
  readonly componentName: string;
  readonly componentArn: string;
  /** What the server expects in the `model` of a body. */
  readonly servedModelName: string;
  /** The window that is served: prompt, thinking and answer. Tokens. */
  readonly contextTokens: number;
  /** What the function has to know to look at the load of its copies. */
  readonly load: DeployedScaling | undefined;
  /** Whether its server's `/tokenize` can be reached through the endpoint. */
  readonly canTokenize: boolean;
}
