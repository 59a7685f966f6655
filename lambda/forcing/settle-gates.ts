import type { ConfidenceMeasure } from './confidence.ts';
import type { ForcingPlan } from './plan.ts';
import type { StopWhenSure } from './probe-rule.ts';

/** Rules by confidence, as a request, a key or a config gives them. */
export interface GateOptions {
  readonly waitWhen?: 'always' | 'unsure' | undefined;
  /** 0 to 1. */
  readonly unsureBelow?: number | undefined;
  readonly confidenceMeasure?: ConfidenceMeasure | undefined;
  readonly stopWhen?: 'never' | 'sure' | undefined;
  /** 0 to 1. */
  readonly sureAbove?: number | undefined;
  readonly sureProbes?: number | undefined;
}

/** `GateOptions` as the API writes them. */
export interface GateFields {
  readonly wait_when?: GateOptions['waitWhen'];
  readonly unsure_below?: GateOptions['unsureBelow'];
  readonly confidence_measure?: GateOptions['confidenceMeasure'];
  readonly stop_when?: GateOptions['stopWhen'];
  readonly sure_above?: GateOptions['sureAbove'];
  readonly sure_probes?: GateOptions['sureProbes'];
}

export function gateOptionsOf(fields: GateFields | undefined): GateOptions {
  return {
    waitWhen: fields?.wait_when,
    unsureBelow: fields?.unsure_below,
    confidenceMeasure: fields?.confidence_measure,
    stopWhen: fields?.stop_when,
    sureAbove: fields?.sure_above,
    sureProbes: fields?.sure_probes,
  };
}

/** Thresholds that were found for a model. */
export interface CalibratedThresholds {
  readonly measure: ConfidenceMeasure;
  readonly unsureBelow: number;
  readonly sureAbove?: number | undefined;
}

/** The rules in force, or the reason of a 400. */
export type SettledGates =
  | {
      readonly ok: true;
      readonly confidence: ForcingPlan['confidence'];
      readonly waitBelow: number | undefined;
      /** Confidence below which documents are looked up. `undefined` if none are, or not by confidence. */
      readonly lookUpBelow?: number | undefined;
      readonly stopWhenSure: Omit<StopWhenSure, 'hint'> | undefined;
      /** Why the Wait rule of the defaults is off: its measure has no threshold. */
      readonly off?: 'no_threshold' | undefined;
    }
  | { readonly ok: false; readonly field: string; readonly message: string };

/** Confidence of a probe that ends the thinking if neither the request nor its defaults nor the calibration has one. */
const SURE_ABOVE = 0.95;

/** Number of equal probes that end the thinking by default. */
const SURE_PROBES = 3;

/**
 * Settles the rules by confidence. A field of the request comes first, then the defaults, in their order. A threshold holds for the
 * measure that it was given with. A rule of the defaults whose threshold is unknown is off; one of the request is an error.
 *
 * @param defaults those of the key, then those of the config
 * @param looksUp whether the request looks documents up if the model is unsure (`retrieval.when`). @default false
 */
export function settleGates(
  request: GateOptions,
  defaults: readonly GateOptions[],
  calibration: CalibratedThresholds | undefined,
  looksUp = false,
): SettledGates {
  const pair = contradictingGates(request);
  if (pair !== undefined) {
    const [field, value, other, opposite, required] = pair;
    const name = `thinking.${gateFieldNames[field]}`;
    const message = `${name}${field === 'unsureBelow' ? ` (${value})` : ''} requires thinking.${gateFieldNames[other]} ${JSON.stringify(required)}, but it is ${JSON.stringify(opposite)}. Omit one of them.`;
    return { ok: false, field: name, message };
  }
  const layers = [request, ...defaults];
  const first = <Name extends keyof GateOptions>(name: Name): GateOptions[Name] =>
    layers.find((layer) => layer[name] !== undefined)?.[name];
  const fallback = calibration?.measure ?? 'min_token';
  const measure = first('confidenceMeasure') ?? fallback;
  const waitWhen = request.waitWhen ?? (request.unsureBelow === undefined ? first('waitWhen') : 'unsure');
  const fields = {
    'thinking.wait_when': request.waitWhen === 'unsure',
    'thinking.unsure_below': request.unsureBelow !== undefined,
    'thinking.confidence_measure': request.confidenceMeasure !== undefined,
    'retrieval.when': looksUp,
  };
  const field = Object.entries(fields).find(([, isSet]) => isSet)?.[0];

  const known = [
    request.unsureBelow,
    ...defaults.map((layer) => ((layer.confidenceMeasure ?? fallback) === measure ? layer.unsureBelow : undefined)),
    calibration?.measure === measure ? calibration.unsureBelow : undefined,
  ].find((threshold) => threshold !== undefined);
  const unsure = waitWhen === 'unsure';
  if ((unsure || looksUp) && known === undefined && field !== undefined) return noThreshold(measure, calibration);
  const waitBelow = unsure ? known : undefined;

  return {
    ok: true,
    confidence: waitBelow === undefined && field === undefined ? undefined : { measure, field },
    waitBelow,
    ...(looksUp ? { lookUpBelow: known } : {}),
    stopWhenSure: stopOf(request, first, calibration),
    ...(unsure && known === undefined ? { off: 'no_threshold' } : {}),
  };
}

function stopOf(
  request: GateOptions,
  first: <Name extends keyof GateOptions>(name: Name) => GateOptions[Name],
  calibration: CalibratedThresholds | undefined,
): Omit<StopWhenSure, 'hint'> | undefined {
  const asked = request.stopWhen === 'sure' || request.sureAbove !== undefined || request.sureProbes !== undefined;
  if (!asked && (request.stopWhen ?? first('stopWhen')) !== 'sure') return undefined;
  return {
    above: first('sureAbove') ?? calibration?.sureAbove ?? SURE_ABOVE,
    agree: first('sureProbes') ?? SURE_PROBES,
    field: asked ? 'thinking.stop_when' : undefined,
  };
}

/** Names of the fields in the API. */
export const gateFieldNames = {
  waitWhen: 'wait_when',
  unsureBelow: 'unsure_below',
  stopWhen: 'stop_when',
  sureAbove: 'sure_above',
  sureProbes: 'sure_probes',
} as const;

/** A field with its value, and the field that it contradicts, with its value and the one that is required. */
type Contradiction = readonly [
  field: 'unsureBelow' | 'sureAbove' | 'sureProbes',
  value: number,
  other: 'waitWhen' | 'stopWhen',
  opposite: string,
  required: string,
];

/** The first field that a switch beside it excludes: a threshold of a rule that is off. */
export function contradictingGates(gates: GateOptions): Contradiction | undefined {
  const { waitWhen, unsureBelow, stopWhen, sureAbove, sureProbes } = gates;
  if (waitWhen === 'always' && unsureBelow !== undefined)
    return ['unsureBelow', unsureBelow, 'waitWhen', waitWhen, 'unsure'];
  if (stopWhen !== 'never') return undefined;
  if (sureAbove !== undefined) return ['sureAbove', sureAbove, 'stopWhen', stopWhen, 'sure'];
  if (sureProbes !== undefined) return ['sureProbes', sureProbes, 'stopWhen', stopWhen, 'sure'];
  return undefined;
}

function noThreshold(measure: ConfidenceMeasure, calibration: CalibratedThresholds | undefined): SettledGates {
  const why =
    calibration === undefined
      ? 'this model has no calibration'
      : `this model is calibrated for ${JSON.stringify(calibration.measure)}, not for ${JSON.stringify(measure)}`;
  return {
    ok: false,
    field: 'thinking.unsure_below',
    message: `thinking.unsure_below is required, because ${why}. Give a threshold from 0 to 1, for instance 0.3.`,
  };
}
