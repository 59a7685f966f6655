import type { GenerationEvent } from './generation.ts';

/** How sure the model was of its thought, 0 to 1. `undefined` if it was not measured: there was no thought, or the server gave no log-probabilities. */
export function confidenceOf({
  report,
  confidence,
}: Extract<GenerationEvent, { kind: 'thought' | 'done' }>): number | undefined {
  // The measure of the request's own rules, if it has any.
  return report.confidence?.value ?? confidence;
}
