import { UsageError } from '../cli/usage-error.ts';
import { defaultAdmission } from '../lambda/policy/admission.ts';
import { defaultScaling, type ScalingSettings, utilizationWith } from '../lambda/policy/desired-copies.ts';
import { defaultElastic } from '../lambda/policy/elastic-grant.ts';
import { defaultScalingPolicy, type ScalingPolicyName, scalingPolicyNames } from '../lambda/policy/scaling-policies.ts';
import { type Gate, openGate } from './engine/gate.ts';
import { CommittedScaling } from './scaling/committed-scaling.ts';
import { type LoadTest, loadTest } from './scaling/load-test.ts';
import { type Foresight, foresee, Oracle, type OracleSettings } from './scaling/oracle.ts';
import { FixedFleet, type Scaler } from './scaling/scaler.ts';
import { defaultTargetTracking, TargetTracking } from './scaling/target-tracking.ts';
import type { Scenario } from './scenario.ts';

/** AWS's recommended start value: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-loadtest.html */
const SAFETY_FACTOR = 0.5;

export const policyKinds = ['aws-concurrency', 'aws-invocations', 'fixed', 'committed', 'elastic', 'oracle'] as const;
export type PolicyKind = (typeof policyKinds)[number];

/** A policy as chosen on the command line: its name, its scaling policy and an optional number. */
export interface PolicyChoice {
  readonly kind: PolicyKind;
  /** For `committed` and `elastic`. @default defaultScalingPolicy */
  readonly scalingPolicy?: ScalingPolicyName | undefined;
  /**
   * `aws-*`: the target. `fixed`: the copies. `committed`, `elastic`, `oracle`: target utilization of the copies' speed.
   *
   * @default - derived as docs/scaling.md describes; for `fixed` and `oracle` the cheapest value that meets the objective
   */
  readonly value: number | undefined;
}

/** A policy, ready to run in one scenario. */
export interface Policy {
  readonly name: string;
  /** Description of its settings, for the report. */
  readonly settings: string;
  readonly scaler: Scaler;
  readonly gate: Gate;
  readonly initialCopies: number;
}

/** @throws {UsageError} if a name or a number is invalid */
export function parsePolicies(list: string): readonly PolicyChoice[] {
  return list.split(',').map((entry) => {
    const [name = '', value, ...more] = entry.trim().split(':');
    const [kindName, policyName, ...others] = name.split('@');
    const kind = policyKinds.find((known) => known === kindName);
    const number = value === undefined ? undefined : Number(value);
    if (kind === undefined || more.length > 0 || (number !== undefined && !(number > 0 && number < 1e6))) {
      throw new UsageError(
        `--policies has ${JSON.stringify(entry)}. Write ${policyKinds.join(', ')}, optionally followed by ":NUMBER".`,
      );
    }
    const scalingPolicy = scalingPolicyNames.find((known) => known === policyName);
    if (policyName !== undefined && (scalingPolicy === undefined || others.length > 0 || !isOurs(kind))) {
      throw new UsageError(
        `--policies has ${JSON.stringify(entry)}. Write "@" only after committed or elastic, followed by a scaling policy: ${scalingPolicyNames.join(', ')}.`,
      );
    }
    if (kind === 'fixed' && number !== undefined && !Number.isInteger(number))
      throw new UsageError(`--policies has ${JSON.stringify(entry)}. A fixed fleet has a whole number of copies.`);
    return { kind, value: number, scalingPolicy };
  });
}

/** Whether the product runs it, with a scaling policy. */
function isOurs(kind: PolicyKind): boolean {
  return kind === 'committed' || kind === 'elastic';
}

/** Creates the policies of one scenario. Computes the load test and the foresight that several of them need only once. */
export class PolicyMaker {
  readonly #scenario: Scenario;
  #loadTest: LoadTest | undefined;
  #foresight: Foresight | undefined;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  get loadTest(): LoadTest {
    this.#loadTest ??= loadTest(this.#scenario);
    return this.#loadTest;
  }

  get foresight(): Foresight {
    this.#foresight ??= foresee(this.#scenario);
    return this.#foresight;
  }

  /** Full copies that serve the mean demand: the initial copies of every policy without a number of copies. */
  get meanCopies(): number {
    const { copies } = this.foresight;
    const mean = copies.reduce((sum, value) => sum + value, 0) / Math.max(1, copies.length);
    const { minCopies, maxCopies } = this.#scenario;
    return Math.min(maxCopies, Math.max(minCopies, Math.ceil(mean)));
  }

  oracle(settings: OracleSettings, name: string): Policy {
    const scaler = new Oracle(this.foresight, this.#scenario, settings);
    return {
      name,
      settings: `knows the future; ${Math.round(settings.utilization * 100)} % of the copies' speed over ${settings.spreadSeconds} s`,
      scaler,
      gate: openGate,
      initialCopies: scaler.initialCopies,
    };
  }

  make({ kind, value, scalingPolicy = defaultScalingPolicy }: PolicyChoice): Policy {
    const { minCopies, maxCopies } = this.#scenario;
    switch (kind) {
      case 'aws-concurrency':
      case 'aws-invocations': {
        const metric = kind === 'aws-concurrency' ? 'concurrency' : 'invocations';
        const max = metric === 'concurrency' ? this.loadTest.maxConcurrency : this.loadTest.maxRequestsPerSecond * 60;
        const target = value ?? max * SAFETY_FACTOR;
        return {
          name: withNumber(kind, value),
          settings: `${target.toFixed(1)} ${metric === 'concurrency' ? 'requests in flight' : 'requests a minute'} a copy`,
          scaler: new TargetTracking(defaultTargetTracking(metric, target, { minCopies, maxCopies })),
          gate: openGate,
          initialCopies: this.meanCopies,
        };
      }
      case 'fixed': {
        const copies = value ?? this.meanCopies;
        return {
          name: `fixed:${copies}`,
          settings: `${copies} copies`,
          scaler: new FixedFleet(),
          gate: openGate,
          initialCopies: copies,
        };
      }
      case 'committed':
      case 'elastic': {
        const settings = scalingOf(this.#scenario, value ?? DEFAULT_UTILIZATION[kind]);
        const named = scalingPolicy === defaultScalingPolicy ? kind : `${kind}@${scalingPolicy}`;
        return {
          name: withNumber(named, value),
          settings: `demand may take ${Math.round(settings.targetUtilization * 100)} % of the copies' speed${kind === 'elastic' ? ', elastic budgets' : ''}`,
          scaler: new CommittedScaling(settings, scalingPolicy),
          gate:
            kind === 'elastic'
              ? { elastic: defaultElastic, admission: defaultAdmission }
              : { admission: defaultAdmission },
          initialCopies: this.meanCopies,
        };
      }
      case 'oracle':
        return this.oracle({ utilization: value ?? 0.9, spreadSeconds: 600 }, withNumber(kind, value));
    }
  }
}

const DEFAULT_UTILIZATION = {
  committed: utilizationWith.exactBudgets,
  elastic: utilizationWith.elasticBudgets,
} as const;

function scalingOf({ profile, minCopies, maxCopies }: Scenario, targetUtilization: number): ScalingSettings {
  return { ...defaultScaling, minCopies, maxCopies, targetUtilization, copiesPerInstance: profile.copiesPerInstance };
}

function withNumber(name: string, value: number | undefined): string {
  return value === undefined ? name : `${name}:${value}`;
}
