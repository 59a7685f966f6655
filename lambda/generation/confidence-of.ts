import type { ForcingReport } from '../forcing/report.ts';

/** How sure the model was of its thought, 0 to 1. `undefined` if it was not measured: there was no thought, or the server gave no log-probabilities. */
export function confidenceOf(report: ForcingReport & { readonly confidence?: { readonly value: number } | undefined }) {
  return report.confidence?.value;
}
