import { type AdmissionSettings, defaultAdmission } from '../../lambda/policy/admission.ts';
import { defaultElastic, type ElasticSettings } from '../../lambda/policy/elastic-grant.ts';

/** Policies that apply to a request before it reaches a copy. */
export interface Gate {
  /** If omitted, every request is granted its maximum. */
  readonly elastic?: ElasticSettings;
  /** If omitted, every request is admitted. */
  readonly admission?: AdmissionSettings;
}

/** A plain endpoint, without any policy. */
export const openGate: Gate = {};
export const elasticGate: Gate = { elastic: defaultElastic, admission: defaultAdmission };
/** Admission with exact budgets. */
export const fullGate: Gate = { admission: defaultAdmission };
