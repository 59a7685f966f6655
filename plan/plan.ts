import type { Quota } from '../lib/facts/quota-codes.ts';
import type { ColdStart } from '../lib/serving/cold-start.ts';
import type { DecodeSpeed } from '../lib/serving/decode-speed.ts';
import type { GpuMemory } from '../lib/serving/gpu-memory.ts';
import type { PlannedLoad, PlannedTraffic } from './traffic.ts';

/** Resources, quotas, memory, times and cost of a deployment. Every amount of dollars, and every time, is an estimate. */
export interface Plan {
  readonly name: string;
  readonly region: string;
  readonly created: readonly { readonly stack: string; readonly type: string; readonly count: number }[];
  readonly models: readonly ModelPlan[];
  /** `undefined` if the instance type is unknown, or every model is on a server of its own. */
  readonly gpus: readonly GpuUse[] | undefined;
  /** Stages of a careful first deployment. Empty if every model is on a server of its own. */
  readonly bringUp: readonly Stage[];
  /** Empty if every model is on a server of its own. */
  readonly updates: readonly UpdateNeed[];
  readonly quotas: readonly Quota[];
  /** Models on servers of their own, of which neither GPUs nor cost are known here. */
  readonly externalModels: readonly { readonly id: string; readonly server: string }[];
  /** `undefined` if every model is on a server of its own. */
  readonly instanceType: string | undefined;
  /** `undefined` if the price of the instance type is unknown. */
  readonly estimatedDollarsPerHour: HourlyCost | undefined;
  /** Cost of requests to external models beside their server. `undefined` if there are none. */
  readonly estimatedRequestDollars: RequestCost | undefined;
  /** Cost of batches and webhooks beside the copies. `undefined` if there are neither. */
  readonly estimatedBatchDollars: BatchCost | undefined;
  readonly estimatedMonth: MonthlyCost | undefined;
  readonly routes: readonly RoutePlan[];
  /** `undefined` if no price of another API was given, or the deployment's cost is unknown. */
  readonly estimatedBreakEven: BreakEven | undefined;
  readonly prices: { readonly date: string; readonly source: string };
  readonly notes: readonly string[];
}

/** The GPUs of the running instances. `idle`: those that no copy uses, although they are paid. */
export interface GpuUse {
  /** With one copy of each model, with the initial copies, with all copies. */
  readonly when: 'one copy' | 'first' | 'maximum';
  readonly instances: number;
  readonly gpus: number;
  readonly used: number;
  readonly idle: number;
  /** Their part of the price. `undefined` if the price is unknown. */
  readonly idleDollarsPerHour: number | undefined;
}

/** A stage of the bring-up. */
export interface Stage {
  /** What the config has in this stage. */
  readonly change: string;
  readonly instances: number;
  readonly copies: number;
  /** Time until the copies answer. `undefined` if it is unknown for a model. */
  readonly startSeconds: number | undefined;
  readonly dollarsPerHour: number | undefined;
  /** What shows that the stage works. */
  readonly check: string;
}

/** What an update needs. */
export interface UpdateNeed {
  readonly change: string;
  /** Instances that run at once, at most. */
  readonly instances: number;
  readonly how: string;
}

/** Tokens of a usual request. */
export type TokensPerRequest = Pick<
  PlannedTraffic,
  'promptTokens' | 'passageTokens' | 'thinkingTokens' | 'answerTokens'
>;

/** Cost of a route against that of its last model. */
export interface RoutePlan {
  readonly id: string;
  readonly models: readonly string[];
  readonly tokens: TokensPerRequest;
  /** Models whose price is unknown. */
  readonly unpriced: readonly string[];
  /** Share of escalations at which the route costs as much as always asking its last model, 0 to 1. `undefined` without prices. */
  readonly breakEvenRate: number | undefined;
  /** Dollars per request if no request is escalated, if half are, and if the last model is always asked. */
  readonly dollarsPerRequest: { readonly never: number; readonly half: number; readonly last: number } | undefined;
}

/** Memory, cold start and speed of one model. `undefined` if the config has no architecture. */
export interface ModelPlan {
  readonly id: string;
  readonly memory: (GpuMemory & { readonly inWords: string; readonly longestRequestsAtOnce: number }) | undefined;
  readonly estimatedColdStart: ColdStart | undefined;
  /** Speed with usual requests, which hold `contextTokens` each. */
  readonly estimatedSpeed: (DecodeSpeed & { readonly contextTokens: number }) | undefined;
}

/** Cost in dollars per hour. */
export interface HourlyCost {
  /** Price of one instance. */
  readonly instance: number;
  /** Secrets, alarms, dashboard and other resources that are charged without requests. */
  readonly fixed: number;
  /** Cost after a time without requests. */
  readonly idle: number;
  /** Lowest cost at which a request can be answered. */
  readonly minimum: number;
  /** Cost if all instances run. */
  readonly maximum: number;
  readonly instances: { readonly idle: number; readonly minimum: number; readonly maximum: number };
}

/** Cost of requests in API Gateway and Lambda, in dollars. */
export interface RequestCost {
  readonly perMillionRequests: number;
  /** Cost of the function for each hour in which one request runs. */
  readonly perRunningHour: number;
}

/** Cost of batches and webhooks in Lambda, S3 and DynamoDB, in dollars. */
export interface BatchCost {
  /** Of the function that looks each minute whether there is something to do, in a month. */
  readonly lookPerMonth: number;
  /** Of requests to S3 and the table for a thousand lines. */
  readonly perThousandLines: number;
  /** Of the function for each hour in which it runs batches. */
  readonly perRunningHour: number;
  /** Lines that it runs at once in that hour, at most. 0 without batches. */
  readonly linesAtOnce: number;
}

/** Cost of a month at planned traffic. */
export interface MonthlyCost {
  readonly model: string;
  readonly traffic: PlannedTraffic;
  readonly load: PlannedLoad;
  /** Time from the last request of a day until the copies that it does not need are removed, in seconds. */
  readonly scaleInSeconds: number;
  readonly instanceHours: number;
  readonly dollars: {
    readonly instances: number;
    readonly requests: number;
    readonly fixed: number;
    readonly total: number;
    /** Dollars per million tokens of thinking and answer. */
    readonly perMillionTokens: number;
  };
}

/** Price of another API, in dollars per million tokens. */
export interface ApiPrice {
  readonly input: number;
  readonly output: number;
}

/** The traffic at which a deployment costs less than another API for the same tokens. */
export interface BreakEven {
  readonly price: ApiPrice;
  /** Tokens of each request. */
  readonly traffic: Omit<PlannedTraffic, 'requestsPerDay'>;
  /** What the other API charges for a request, in dollars. Thinking is charged as output. */
  readonly apiDollarsPerRequest: number;
  /** Most requests per day that the model's maximum copies can answer. */
  readonly capacityPerDay: number;
  /** Ranges of requests per day in which the deployment costs less, from the lowest. Empty if it never does. */
  readonly cheaper: readonly { readonly from: number; readonly to: number }[];
  /** Cost of a month at the lowest such traffic, for either. `undefined` if there is none. */
  readonly dollarsPerMonth: number | undefined;
}
