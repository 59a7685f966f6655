import { AdmissionGate } from './admission-gate.ts';
import { ModelScaling, type ModelScalingOptions } from './model-scaling.ts';

/** What the app has of one model's load: who lets requests in, and what the scaling knows. */
export class ModelAutoscaler {
  readonly scaling: ModelScaling;
  readonly gate: AdmissionGate;

  constructor(options: ModelScalingOptions) {
    this.scaling = new ModelScaling(options);
    this.gate = new AdmissionGate(this.scaling);
  }
}
