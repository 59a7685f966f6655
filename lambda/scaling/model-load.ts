import { LoadGate } from './load-gate.ts';
import { ModelScaling, type ModelScalingOptions } from './model-scaling.ts';

/** What the app has of one model's load: who lets requests in, and what the scaling knows. */
export class ModelLoad {
  readonly scaling: ModelScaling;
  readonly gate: LoadGate;

  constructor(options: ModelScalingOptions) {
    this.scaling = new ModelScaling(options);
    this.gate = new LoadGate(this.scaling);
  }
}
