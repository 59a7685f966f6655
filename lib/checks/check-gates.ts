import { contradictingGates } from '../../lambda/forcing/settle-gates.ts';
import type { Calibration, GateDefaults } from '../../lambda/settings/calibration.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses default rules by confidence that would never apply: a threshold of a rule that is off, or a rule without a threshold. */
export function checkGates(id: string, gates: GateDefaults = {}, calibration?: Calibration): Refusal | undefined {
  const refused = (sentence: string): Refusal => ({
    code: 'gates',
    sentence,
    source: 'https://arxiv.org/abs/2508.15260',
    final: true,
  });
  const pair = contradictingGates(gates);
  if (pair !== undefined) {
    const [field, value, other, opposite, required] = pair;
    return refused(
      `thinking.gates of ${id} has ${field} ${value}, but ${other} is "${opposite}", so it would never apply: write ${other} "${required}", or leave ${field} out.`,
    );
  }
  const { waitWhen, unsureBelow, confidenceMeasure } = gates;
  if (waitWhen !== 'unsure' || unsureBelow !== undefined) return undefined;
  if (calibration !== undefined && (confidenceMeasure ?? calibration.measure) === calibration.measure) return undefined;
  const why =
    calibration === undefined
      ? 'the model has no calibration'
      : `the calibration is for "${calibration.measure}", not for confidenceMeasure "${confidenceMeasure}"`;
  return refused(
    `thinking.gates of ${id} has waitWhen "unsure" without a threshold, and ${why}: write unsureBelow, for instance 0.3, or thinking.calibration with the result of npx budgetforce calibrate.`,
  );
}
