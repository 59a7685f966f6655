import { AdmissionGate } from './admission-gate.ts';
import { ModelScaling, type ModelScalingOptions } from './model-scaling.ts';

/** Load control of one model: admission of its requests, and scaling of its copies. */
export class ModelAutoscaler {
  readonly scaling: ModelScaling;
  readonly gate: AdmissionGate;

  constructor(options: ModelScalingOptions) {
    this.scaling = new ModelScaling(options);
    this.gate = new AdmissionGate(this.scaling);
  }
}
