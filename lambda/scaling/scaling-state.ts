import * as z from 'zod';
import type { Demand } from '../policy/demand.ts';
import { noDemand } from '../policy/demand.ts';
import { unknownUse } from '../policy/expected-use.ts';
import { speedOfProfile } from '../policy/measured-speed.ts';
import { type ModelScalingSettings, policySchema } from '../settings/policy-settings.ts';
import type { Item, ItemTable } from '../storage/table.ts';

const decisionSchema = z.object({
  /** Unix time. Seconds. */
  at: z.number(),
  /** Copies that run or start, and that there should be. */
  have: z.int(),
  want: z.int(),
  reason: z.string(),
});

const copiesSchema = z.object({
  running: z.int(),
  starting: z.int(),
  /** When the oldest start began. Unix time, seconds. */
  startingSince: z.number().optional(),
  /** Why copies could not be started, where SageMaker says so. */
  failure: z.string().optional(),
});
export type CopiesState = z.infer<typeof copiesSchema>;

const stateSchema = z.object({
  /** The last tick. Unix time, seconds; 0: never. */
  at: z.number(),
  demand: z.object({ tokensPerSecond: z.number() }),
  history: z.object({ since: z.number(), peaks: z.array(z.object({ at: z.number(), copies: z.number() })) }).optional(),
  use: z.array(z.number()),
  speed: z.object({
    weight: z.number(),
    requests: z.number(),
    seconds: z.number(),
    requestsSquared: z.number(),
    product: z.number(),
  }),
  tokensPerSecond: z.number(),
  /** Tokens of the leases under way at the last tick. */
  usedTokens: z.number(),
  copies: copiesSchema,
  /** The last wake that was asked for, and the last that failed. */
  wokenAt: z.number().optional(),
  failed: z.object({ at: z.number(), why: z.string() }).optional(),
  /** The longest of the last starts. Seconds. */
  startSeconds: z.number(),
  /** The last first; the same decision again is not repeated. */
  decisions: z.array(decisionSchema),
  /** What the last tick saw, for people. */
  seen: z.object({
    requests: z.number(),
    reservedTokens: z.number(),
    committedTokens: z.number(),
    pressure: z.number(),
    wantedThinking: z.number(),
    grantedThinking: z.number(),
  }),
});
export type ScalingState = Omit<z.infer<typeof stateSchema>, 'demand'> & { readonly demand: Demand };

/** Before anything was seen. */
function newScalingState(settings: ModelScalingSettings): ScalingState {
  const full = { requests: settings.fullRequests, stepSeconds: settings.fullStepSeconds };
  return {
    at: 0,
    demand: noDemand,
    use: [...unknownUse()],
    speed: speedOfProfile(settings.stepSeconds, full),
    tokensPerSecond: settings.fullRequests / settings.fullStepSeconds,
    usedTokens: 0,
    copies: { running: 0, starting: 0 },
    startSeconds: settings.startSeconds,
    decisions: [],
    seen: {
      requests: 0,
      reservedTokens: 0,
      committedTokens: 0,
      pressure: 0,
      wantedThinking: 0,
      grantedThinking: 0,
    },
  };
}

const changeSchema = z.object({
  at: z.number(),
  /** Id of the key. */
  by: z.string(),
  what: z.string(),
});

const controlSchema = z.object({
  paused: z.boolean().default(false),
  minCopies: z.int().optional(),
  maxCopies: z.int().optional(),
  policy: policySchema.optional(),
  /** The last changes, the last first. */
  changes: z.array(changeSchema).default([]),
});
/** What the operator set. */
export type ScalingControl = z.infer<typeof controlSchema>;

/** A value with the version that it was read at; `undefined`: there was none. */
export interface Versioned<Value> {
  readonly value: Value;
  readonly version: number | undefined;
}

/** State and control of one model's scaling, in the table. */
export class ScalingStore {
  readonly #table: ItemTable;
  readonly #partition: string;
  readonly #settings: ModelScalingSettings;

  constructor(table: ItemTable, model: string, settings: ModelScalingSettings) {
    this.#table = table;
    this.#partition = `SCALING#${model}`;
    this.#settings = settings;
  }

  async state(): Promise<Versioned<ScalingState>> {
    const item = await this.#table.get(this.#partition, 'state');
    const known = item === undefined ? undefined : stateSchema.safeParse(parsedValue(item)).data;
    return {
      // What another version of the function wrote, and this one cannot read, is measured anew.
      value: known ?? newScalingState(this.#settings),
      version: item === undefined ? undefined : Number(item['version']),
    };
  }

  async control(): Promise<Versioned<ScalingControl>> {
    const item = await this.#table.get(this.#partition, 'control');
    return {
      value: controlSchema.parse(item === undefined ? {} : parsedValue(item)),
      version: item === undefined ? undefined : Number(item['version']),
    };
  }

  /** Writes where nobody wrote since it was read. Whether it did. */
  async write(
    kind: 'state' | 'control',
    value: ScalingState | ScalingControl,
    before: number | undefined,
  ): Promise<boolean> {
    return await this.#table.putIfVersion({ pk: this.#partition, sk: kind, value: JSON.stringify(value) }, before);
  }
}

function parsedValue(item: Item): unknown {
  return JSON.parse(String(item['value']));
}
