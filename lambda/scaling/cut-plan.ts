import { createHash } from 'node:crypto';
import { heldBy } from '../policy/committed-tokens.ts';
import { cutLongest } from '../policy/cut-longest.ts';
import { accountOfLeases } from '../policy/load-account.ts';
import type { ItemTable } from '../storage/table.ts';
import { isRunning, type LeaseStore, type LoadLease } from './lease-store.ts';
import type { LoadSnapshot } from './load-snapshot.ts';

/** Age from which on a plan is made anew, in seconds, and until which a function still follows one that it has not followed yet. */
const PLAN_SECONDS = 2;
const NEW_TO_ME_SECONDS = 3;
/** Most thoughts of one plan: its item stays below 8 KB. The next plan has the next ones. */
const MAX_CUTS = 500;

/**
 * The thoughts to cut, which one function derives from all leases for all functions. Only functions whose own thought is over its grant
 * ask for it, so nothing is read or written while the endpoint has room. A conditional write lets one function make each plan.
 */
export class CutPlan {
  readonly #table: ItemTable;
  readonly #key: { readonly pk: string; readonly sk: string };
  readonly #leaseStore: LeaseStore;
  readonly #now: () => number;
  /** Time of the plan that this function followed last. */
  #followed: number | undefined;
  #known: { readonly at: number; readonly ids: Promise<ReadonlySet<string>> } | undefined;

  constructor(table: ItemTable, model: string, leaseStore: LeaseStore, now: () => number) {
    this.#table = table;
    this.#key = { pk: `CUTS#${model}`, sk: 'plan' };
    this.#leaseStore = leaseStore;
    this.#now = now;
  }

  /** Whether the current plan cuts a request. Nothing is cut while another function makes the plan. */
  async includes(requestId: string, snapshot: LoadSnapshot): Promise<boolean> {
    const now = this.#now();
    if (this.#known === undefined || Math.abs(now - this.#known.at) >= PLAN_SECONDS) {
      this.#known = { at: now, ids: this.#read(snapshot, now) };
    }
    const { ids } = this.#known;
    try {
      return (await ids).has(idInPlan(requestId));
    } catch (error) {
      this.#known = undefined;
      throw error;
    }
  }

  async #read(snapshot: LoadSnapshot, now: number): Promise<ReadonlySet<string>> {
    const { pk, sk } = this.#key;
    const item = await this.#table.get(pk, sk);
    const madeAt = Number(item?.['at'] ?? 0);
    const follows = madeAt === this.#followed ? PLAN_SECONDS : NEW_TO_ME_SECONDS;
    if (item !== undefined && Math.abs(now - madeAt) < follows) {
      this.#followed = madeAt;
      return idsOf(item['ids']);
    }
    const version = item === undefined ? undefined : Number(item['version']);
    if (!(await this.#table.putIfVersion({ pk, sk, at: now, ids: [] }, version))) {
      this.#known = undefined;
      return new Set();
    }
    const ids = cutsIn(await this.#leaseStore.all(), snapshot, now)
      .slice(0, MAX_CUTS)
      .map(idInPlan);
    await this.#table.putIfVersion({ pk, sk, at: now, ids }, (version ?? 0) + 1);
    this.#followed = now;
    return new Set(ids);
  }
}

function idsOf(ids: unknown): ReadonlySet<string> {
  return new Set(Array.isArray(ids) ? ids.map(String) : []);
}

/** Ids of any length, short in the item: 48 bits of a hash. */
function idInPlan(requestId: string): string {
  return createHash('sha256').update(requestId).digest('base64url').slice(0, 8);
}

/**
 * Ids of the requests whose thoughts are to be cut, the longest first. Each lease counts as last written: with the usage of one function
 * since then, its own request would seem the longest. Requests with a client are cut as if there were no lines of batches.
 */
function cutsIn(leases: readonly LoadLease[], { policy, capacity, state }: LoadSnapshot, now: number): string[] {
  const { use, copies } = state;
  const running = leases.filter((lease) => isRunning(lease, now));
  const cuts: string[] = [];
  const cut = (thinking: readonly LoadLease[], counted: readonly LoadLease[]) => {
    const account = accountOfLeases(counted, { now, use });
    cutLongest(
      thinking.filter(isThinking).map((lease) => heldBy(lease, use)),
      account,
      { ...account.load(copies.running, copies.starting), use, capacity, settings: policy.elastic },
      ({ requestId }) => cuts.push(requestId),
    );
  };
  const [lines, requests] = [running.filter(isLine), running.filter((lease) => !isLine(lease))];
  cut(requests, requests);
  if (lines.length > 0) cut(lines, running);
  return cuts;
}

function isLine({ batch }: LoadLease): boolean {
  return batch === true;
}

/** Whether it is an elastic request whose answer has not started. */
function isThinking({ elastic, usedTokens, usedThinking, limitTokens, answerTokens }: LoadLease): boolean {
  return elastic && usedTokens === usedThinking && usedThinking < limitTokens - answerTokens;
}
