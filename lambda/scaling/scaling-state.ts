import * as z from 'zod';
import { noPrompts } from '../policy/cached-prompts.ts';
import { type ControllerState, newControllerState } from '../policy/controller.ts';
import { noDemand } from '../policy/demand.ts';
import { noSizes } from '../policy/request-sizes.ts';
import { type ModelScalingSettings, policySchema } from '../settings/policy-settings.ts';
import type { Item, ItemTable } from '../storage/table.ts';
import { type SettledLoad, settledLoadSchema } from './settled-load.ts';
import { oneShard } from './shards.ts';

const decisionSchema = z.object({
  /** Unix time in seconds. */
  at: z.number(),
  /** Copies that run or start, and the target. */
  have: z.int(),
  want: z.int(),
  reason: z.string(),
});

const copiesSchema = z.object({
  running: z.int(),
  starting: z.int(),
  /** Begin of the oldest start, as Unix time in seconds. */
  startingSince: z.number().optional(),
  /** Why copies could not be started, if SageMaker reports a reason. */
  failure: z.string().optional(),
});
export type CopiesState = z.infer<typeof copiesSchema>;

/** The controller's state. Its fields must stay readable: the table keeps them across deployments. */
const controllerSchema = z.object({
  // Defaults are for items of versions that did not measure this.
  demand: z.object({
    tokensPerSecond: z.number(),
    promptTokensPerSecond: z.number().default(0),
    held: z
      .object({ requests: z.number(), reservedTokens: z.number(), promptTokens: z.number() })
      .default(noDemand.held),
  }),
  history: z.object({ since: z.number(), peaks: z.array(z.object({ at: z.number(), copies: z.number() })) }).optional(),
  use: z.array(z.number()),
  speed: z
    .object({
      weight: z.number(),
      requests: z.number(),
      seconds: z.number(),
      requestsSquared: z.number(),
      product: z.number(),
      prompts: z.number(),
      promptsSquared: z.number(),
      promptsRequests: z.number(),
      promptsSeconds: z.number(),
      profilePromptTokensPerSecond: z.number(),
    })
    .optional()
    .catch(undefined),
  tokensPerSecond: z.number(),
  cached: z.object({ promptTokens: z.number(), cachedTokens: z.number() }).default(noPrompts),
  sizes: z.object({ tokens: z.number(), squares: z.number() }).default(noSizes),
  usedTokens: z.number(),
  startedPromptTokens: z.number().default(0),
  copies: copiesSchema,
});

const stateSchema = z.object({
  ...controllerSchema.shape,
  /** Time of the last tick, as Unix time in seconds. 0 before the first. */
  at: z.number(),
  /** The last requested wake, and the last failed one. */
  wokenAt: z.number().optional(),
  failed: z.object({ at: z.number(), why: z.string() }).optional(),
  /** Longest of the recent starts, in seconds. */
  startSeconds: z.number(),
  /** Latest first, without repetitions. */
  decisions: z.array(decisionSchema),
  /** Missing in items that older versions wrote: the next tick writes it. */
  settled: settledLoadSchema.optional().catch(undefined),
  shards: z.object({ write: z.int(), read: z.int() }).default(oneShard),
  /** Load at the last tick, for display. */
  seen: z.object({
    requests: z.number(),
    reservedTokens: z.number(),
    committedTokens: z.number(),
    pressure: z.number(),
    wantedThinking: z.number(),
    grantedThinking: z.number(),
  }),
});
export type ScalingState = Omit<z.infer<typeof stateSchema>, keyof ControllerState> &
  ControllerState & { readonly copies: CopiesState };

/** A state in which the load is settled, as every tick leaves it. */
export type SettledState = ScalingState & { readonly settled: SettledLoad };

/** Initial state, before the first tick. */
function newScalingState(settings: ModelScalingSettings): ScalingState {
  return {
    ...newControllerState(settings),
    at: 0,
    copies: { running: 0, starting: 0 },
    startSeconds: settings.startSeconds,
    decisions: [],
    shards: oneShard,
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
  /** Id of the operator's key. */
  by: z.string(),
  what: z.string(),
});

const controlSchema = z.object({
  paused: z.boolean().default(false),
  minCopies: z.int().optional(),
  maxCopies: z.int().optional(),
  policy: policySchema.optional(),
  /** Recent changes, the latest first. */
  changes: z.array(changeSchema).default([]),
});
/** The operator's settings. */
export type ScalingControl = z.infer<typeof controlSchema>;

/** A value with the version at which it was read. `undefined` if the item did not exist. */
export interface Versioned<Value> {
  readonly value: Value;
  readonly version: number | undefined;
}

/** Scaling state and operator's settings of one model, in the table. */
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
    const initial = newScalingState(this.#settings);
    return {
      // A state that another version of the function wrote may not parse: start over with the initial state. The speed alone starts over
      // if it was measured without prompts.
      value: known === undefined ? initial : { ...known, speed: known.speed ?? initial.speed },
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

  /** Conditional write on the version. Returns whether it succeeded. */
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
