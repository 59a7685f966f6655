import type { DeployedScaling, ZeroCopiesSettings } from '../../lambda/settings/settings.ts';

/** A model on an endpoint, or an adapter on a model, as the API needs to know it. */
export interface OfferedModel {
  /** Name that a client writes in `model`. */
  readonly id: string;
  /** Value of InferenceComponentName in InvokeEndpoint. `undefined` if the endpoint has no components. */
  readonly componentName: string | undefined;
  readonly componentArn: string | undefined;
  /** Value of `model` in a request to the server. */
  readonly servedModelName: string;
  /** Window that is served (prompt, thinking and answer), in tokens. */
  readonly contextTokens: number;
  /** Settings for scaling by load. `undefined` if the function does not record the load of the model's copies. */
  readonly deployedScaling: DeployedScaling | undefined;
  /** How the model leaves zero copies. @default - it never scales to zero */
  readonly zeroCopies?: ZeroCopiesSettings | undefined;
  /** Whether the server's `/tokenize` can be reached through the endpoint. */
  readonly canTokenize: boolean;
}
