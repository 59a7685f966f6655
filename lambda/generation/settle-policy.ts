import { invalidRequest } from '../errors/api-error.ts';
import { chooseByRisk } from '../forcing/choose-by-risk.ts';
import { gateOptionsOf, type SettledGates, settleGates } from '../forcing/settle-gates.ts';
import type { Caller } from '../keys/key-record.ts';
import type { GenerationRequest, RiskReport } from './request.ts';

/** A request with the Waits and the maximum of its policy, and the rules by confidence in force. */
export interface SettledPolicy {
  readonly request: GenerationRequest;
  readonly gates: Extract<SettledGates, { readonly ok: true }>;
  /** Set if the request has a `risk`. */
  readonly risk: RiskReport | undefined;
}

/**
 * Settles how the thinking depends on confidence: by the request, the defaults of its key and of the config, or the risk that the
 * request allows.
 *
 * @throws {ApiError} 400 if a threshold is missing, fields contradict each other, or the risk cannot be reached
 */
export function settlePolicy(request: GenerationRequest, { limits }: Pick<Caller, 'limits'>): SettledPolicy {
  const { settings } = request.model;
  const off = { ok: true, confidence: undefined, waitBelow: undefined, stopWhenSure: undefined } as const;
  const { risk } = request.thinking;
  const looksUp = request.retrieval?.when === 'unsure';
  if (looksUp) refuseWithoutThought(request);
  if (risk !== undefined) return byRisk(request, risk, limits.max_thinking_tokens);
  const given = request.thinking.gates ?? {};
  const thinks = request.plain === undefined && request.requested.maxTokens !== 0 && !request.prefix?.answer;
  const key = limits.thinking ?? {};
  const gates = settleGates(
    given,
    thinks ? [gateOptionsOf(key), settings.gates ?? {}] : [],
    settings.calibration,
    thinks && looksUp,
  );
  if (!gates.ok) throw invalidRequest(gates.field, gates.message);
  if (!thinks) return { request, gates: off, risk: undefined };
  const probed = gates.stopWhenSure === undefined ? request : { ...request, probes: true };
  const asked = gates.waitBelow !== undefined && (given.waitWhen ?? given.unsureBelow) !== undefined;
  const { waits, minTokens } = request.requested;
  const defaultWaits =
    key.waits ?? settings.gates?.waits ?? (asked && minTokens === undefined && !looksUp ? 1 : undefined);
  if (waits !== undefined || defaultWaits === undefined) return { request: probed, gates, risk: undefined };
  return { request: { ...probed, requested: { ...request.requested, waits: defaultWaits } }, gates, risk: undefined };
}

/** @throws {ApiError} 400 if a request looks documents up once the model is unsure, but its thought cannot say so */
function refuseWithoutThought({ requested, prefix, plain, thinking }: GenerationRequest): void {
  const refuse = (why: string) => {
    throw invalidRequest(
      'retrieval.when',
      `retrieval.when "unsure" looks documents up if the thought is unsure, but ${why}. Omit one of them, or set retrieval.when to "before".`,
    );
  };
  if (requested.maxTokens === 0 || plain !== undefined) refuse('the request does not think');
  if ((prefix?.answer ?? '') !== '') refuse('the last message begins the answer, so the thinking is over');
  if (thinking.risk !== undefined) refuse('thinking.risk was measured without passages');
}

function byRisk(request: GenerationRequest, risk: number, keyCeiling = Number.POSITIVE_INFINITY): SettledPolicy {
  const { requested, thinking, model, names } = request;
  const { calibration, maxThinkingTokens, id } = model.settings;
  const own = [
    ['thinking.waits', requested.waits],
    ['thinking.min_tokens', requested.minTokens],
    [names.maxTokens, requested.maxTokens],
    ['thinking.wait_when', thinking.gates?.waitWhen],
    ['thinking.unsure_below', thinking.gates?.unsureBelow],
    ['thinking.confidence_measure', thinking.gates?.confidenceMeasure],
    ['thinking.stop_when', thinking.gates?.stopWhen ?? thinking.gates?.sureAbove ?? thinking.gates?.sureProbes],
  ].find(([, value]) => value !== undefined);
  if (own !== undefined) {
    throw invalidRequest(
      'thinking.risk',
      `thinking.risk (${risk}) chooses the Waits, the threshold and the maximum, but the request has ${own[0]}. Omit one of them.`,
    );
  }
  if (calibration === undefined || calibration.rows.length === 0) {
    throw invalidRequest(
      'thinking.risk',
      `thinking.risk needs a calibration with measured policies, and the model ${JSON.stringify(id)} has none. Omit it, or set thinking.waits and a maximum.`,
    );
  }
  const choice = chooseByRisk(calibration.rows, risk, Math.min(maxThinkingTokens, keyCeiling));
  if (!choice.ok) {
    const instead =
      choice.reachable === undefined
        ? 'no measured policy fits the maximum of thinking that this key and model allow. Omit it'
        : `the lowest that the calibration ${JSON.stringify(calibration.id)} reaches is ${choice.reachable}. Give at least that`;
    throw invalidRequest('thinking.risk', `thinking.risk (${risk}) cannot be kept: ${instead}.`);
  }
  const { waits, waitWhen, unsureBelow, maxTokens, wrongUpper95 } = choice.row;
  const waitBelow = waitWhen === 'unsure' ? unsureBelow : undefined;
  return {
    request: {
      ...request,
      requested: { ...requested, waits, maxTokens, maxIsPreference: true },
      names: { ...names, maxTokens: 'thinking.risk' },
    },
    gates: {
      ok: true,
      confidence: waitBelow === undefined ? undefined : { measure: calibration.measure, field: 'thinking.risk' },
      waitBelow,
      stopWhenSure: undefined,
    },
    risk: { requested: risk, upper_bound: wrongUpper95, calibration: calibration.id },
  };
}
