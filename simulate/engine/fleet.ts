import type { Profile } from '../profile.ts';
import { Random } from '../random.ts';
import { Copy, type CopyListener } from './copy.ts';
import type { Job } from './job.ts';

interface Instance {
  readonly id: number;
  /** Time from which it runs and is billed, in seconds. */
  readonly runsAt: number;
  copies: number;
  /** Time since which it holds no copy, or -1. */
  idleSince: number;
}

interface StartingCopy {
  readonly instance: Instance;
  readonly readyAt: number;
}

/** Settings of SageMaker's router. */
export interface Routing {
  /** Copy of a call whose prefix does not count. @default 'least-outstanding-requests' */
  readonly strategy?: 'least-outstanding-requests' | 'random';
  /**
   * Routes a continued thought, and a request that begins like an earlier one, to the copy that has the beginning (PREFIX_AWARE). Other
   * calls go by the strategy.
   */
  readonly prefixAware: boolean;
  /** Outstanding requests of a copy from which on the prefix is ignored. */
  readonly concurrencyThreshold: number;
  /** Whether all requests are alike in the compared bytes, so that PREFIX_AWARE sends them all to one copy up to the threshold. */
  readonly samePrefix?: boolean;
}

/** Seed of the router's own random numbers, so that it does not change those of the traffic. */
const ROUTER_SEED = 77;
/** Prefixes whose copy the router remembers. */
const MAX_HOMES = 10_000;

/**
 * Instances and copies of one component: desired, starting, running and billed. A removed copy finishes its requests. Instances are
 * filled before another one starts, and copies are removed from the emptiest instance first.
 */
export class Fleet {
  /** Copies that take requests. */
  readonly running: Copy[] = [];
  readonly draining: Copy[] = [];
  starting: StartingCopy[] = [];
  /** Until this time no instance can be started, in seconds. */
  noCapacityUntil = 0;
  /** Billed seconds of the stopped instances. `paidUntil` adds those of the running ones. */
  instanceSeconds = 0;
  /** Totals of the copies that have ended. */
  endedDecodedTokens = 0;
  endedPreemptions = 0;
  endedBusySeconds = 0;

  readonly #profile: Profile;
  readonly #listener: CopyListener;
  readonly #routing: Routing;
  readonly #instances: Instance[] = [];
  /** Copy that served each prefix last, the latest last. */
  readonly #homes = new Map<number, Copy>();
  readonly #random = new Random(ROUTER_SEED);
  #nextId = 0;
  #turn = 0;

  constructor(profile: Profile, routing: Routing, listener: CopyListener) {
    this.#profile = profile;
    this.#routing = routing;
    this.#listener = listener;
  }

  /** Adds copies that run from the start, without a start time. */
  startWith(copies: number): void {
    for (let index = 0; index < copies; index++) {
      const instance = this.#place(0, 0);
      this.running.push(this.#newCopy(instance));
    }
  }

  get instances(): number {
    return this.#instances.length;
  }

  /** Copies that run or start. */
  get desired(): number {
    return this.running.length + this.starting.length;
  }

  /** Time at which the next copy takes requests. */
  get nextReadyAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { readyAt } of this.starting) next = Math.min(next, readyAt);
    return next;
  }

  setDesired(copies: number, now: number): void {
    while (this.desired < copies) this.#start(now);
    while (this.desired > copies) this.#remove(now);
  }

  /** Moves started copies to the running ones. Returns their number. */
  ready(now: number): number {
    const before = this.running.length;
    for (const { instance, readyAt } of this.starting) {
      if (readyAt <= now) this.running.push(this.#newCopy(instance));
    }
    this.starting = this.starting.filter(({ readyAt }) => readyAt > now);
    return this.running.length - before;
  }

  /** Removes drained copies, and instances that have been idle for long enough. */
  release(now: number): void {
    for (let index = this.draining.length - 1; index >= 0; index--) {
      const copy = this.draining[index];
      if (copy === undefined || copy.outstanding > 0) continue;
      this.draining.splice(index, 1);
      this.#count(copy);
      this.#leaveInstance(copy.instance, now);
    }
    for (let index = this.#instances.length - 1; index >= 0; index--) {
      const instance = this.#instances[index];
      if (instance === undefined || instance.idleSince < 0) continue;
      const until = Math.max(instance.idleSince, instance.runsAt) + this.#profile.idleInstanceSeconds;
      if (until > now) continue;
      this.#instances.splice(index, 1);
      this.instanceSeconds += until - instance.runsAt;
    }
  }

  /** Billed instance seconds until `now`. */
  paidUntil(now: number): number {
    return this.#instances.reduce((sum, { runsAt }) => sum + Math.max(0, now - runsAt), this.instanceSeconds);
  }

  /** Chooses the copy for a call, and tells whether it has the call's context cached. `undefined` if no copy runs. */
  route(job: Job): { readonly copy: Copy; readonly cached: boolean } | undefined {
    const [first] = this.running;
    if (this.#routing.prefixAware && this.#routing.samePrefix === true && first !== undefined) {
      if (first.outstanding < this.#routing.concurrencyThreshold) {
        return { copy: first, cached: first.id === job.copy };
      }
    } else if (this.#routing.prefixAware && job.copy >= 0) {
      for (const copy of this.running) {
        if (copy.id === job.copy && copy.outstanding < this.#routing.concurrencyThreshold)
          return { copy, cached: true };
      }
    } else if (this.#routing.prefixAware && job.prefix !== 0) {
      const home = this.#homes.get(job.prefix);
      const copy = home !== undefined && this.#isHomely(home) ? home : this.#byStrategy();
      if (copy !== undefined) this.#remember(job.prefix, copy);
      return copy && { copy, cached: false };
    }
    const copy = this.#byStrategy();
    return copy && { copy, cached: copy.id === job.copy };
  }

  #isHomely(copy: Copy): boolean {
    return !copy.draining && copy.outstanding < this.#routing.concurrencyThreshold;
  }

  #remember(prefix: number, copy: Copy): void {
    this.#homes.delete(prefix);
    this.#homes.set(prefix, copy);
    if (this.#homes.size <= MAX_HOMES) return;
    for (const oldest of this.#homes.keys()) {
      this.#homes.delete(oldest);
      return;
    }
  }

  #byStrategy(): Copy | undefined {
    const { running } = this;
    if (running.length === 0) return undefined;
    if (this.#routing.strategy === 'random') return running[Math.floor(this.#random.uniform() * running.length)];
    // Round robin among equally busy copies. Otherwise the first copies would always be the fullest.
    this.#turn = (this.#turn + 1) % running.length;
    let best = running[this.#turn];
    for (let index = 0; index < running.length; index++) {
      const copy = running[index];
      if (copy !== undefined && (best === undefined || copy.outstanding < best.outstanding)) best = copy;
    }
    return best;
  }

  /**
   * Ends running copies with their instances, the last started first, until this share of them is gone. They are no longer billed.
   *
   * @returns the calls that ran or waited there
   */
  fail(part: number, now: number): readonly Job[] {
    const before = this.running.length;
    const left = before - Math.ceil(before * part);
    const jobs: Job[] = [];
    while (this.running.length > left) {
      const instance = this.running.at(-1)?.instance;
      for (const copies of [this.running, this.draining]) {
        for (let index = copies.length - 1; index >= 0; index--) {
          const copy = copies[index];
          if (copy === undefined || copy.instance !== instance) continue;
          copies.splice(index, 1);
          copy.draining = true;
          jobs.push(...copy.fail(now));
          this.#count(copy);
        }
      }
      this.starting = this.starting.filter(({ instance: { id } }) => id !== instance);
      const index = this.#instances.findIndex(({ id }) => id === instance);
      const [gone] = this.#instances.splice(index, 1);
      if (gone !== undefined) this.instanceSeconds += Math.max(0, now - gone.runsAt);
    }
    return jobs;
  }

  /** Visits every decoding sequence with its copy, at time `now`. */
  eachDecoding(now: number, visit: (job: Job, copy: Copy) => void): void {
    for (const copies of [this.running, this.draining]) {
      for (const copy of copies) {
        copy.settle(now);
        copy.eachDecoding((job) => visit(job, copy));
      }
    }
  }

  decodedTokens(now: number): number {
    return this.#sum(now, (copy) => copy.decodedTokens, this.endedDecodedTokens);
  }

  preemptions(now: number): number {
    return this.#sum(now, (copy) => copy.preemptions, this.endedPreemptions);
  }

  busySeconds(now: number): number {
    return this.#sum(now, (copy) => copy.busySeconds, this.endedBusySeconds);
  }

  #sum(now: number, value: (copy: Copy) => number, ended: number): number {
    let sum = ended;
    for (const copies of [this.running, this.draining]) {
      for (const copy of copies) {
        copy.settle(now);
        sum += value(copy);
      }
    }
    return sum;
  }

  #newCopy(instance: Instance): Copy {
    this.#nextId += 1;
    return new Copy(this.#nextId, instance.id, this.#profile.speed, this.#listener);
  }

  #start(now: number): void {
    const instance = this.#place(now, this.#profile.instanceSeconds);
    const readyAt = Math.max(now, instance.runsAt) + this.#profile.copySeconds;
    this.starting.push({ instance, readyAt });
  }

  /** The fullest instance with room, or a new one. */
  #place(now: number, instanceSeconds: number): Instance {
    let best: Instance | undefined;
    for (const instance of this.#instances) {
      if (instance.copies >= this.#profile.copiesPerInstance) continue;
      if (best === undefined || instance.copies > best.copies) best = instance;
    }
    if (best === undefined) {
      this.#nextId += 1;
      const from = instanceSeconds > 0 ? Math.max(now, this.noCapacityUntil) : now;
      best = { id: this.#nextId, runsAt: from + instanceSeconds, copies: 0, idleSince: -1 };
      this.#instances.push(best);
    }
    best.copies += 1;
    best.idleSince = -1;
    return best;
  }

  #remove(now: number): void {
    // Starting copies are removed first, the latest start before the others.
    const start = this.starting.pop();
    if (start !== undefined) {
      this.#leaveInstance(start.instance.id, now);
      return;
    }
    let emptiest = -1;
    let minNeighbours = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.running.length; index++) {
      const neighbours = this.#instances.find(({ id }) => id === this.running[index]?.instance)?.copies ?? 0;
      const lessBusy = (this.running[index]?.outstanding ?? 0) < (this.running[emptiest]?.outstanding ?? 0);
      if (neighbours < minNeighbours || (neighbours === minNeighbours && lessBusy)) {
        emptiest = index;
        minNeighbours = neighbours;
      }
    }
    const [copy] = this.running.splice(emptiest, 1);
    if (copy === undefined) return;
    copy.draining = true;
    this.draining.push(copy);
  }

  #leaveInstance(id: number, now: number): void {
    const instance = this.#instances.find((found) => found.id === id);
    if (instance === undefined) return;
    instance.copies -= 1;
    if (instance.copies === 0) instance.idleSince = now;
  }

  #count(copy: Copy): void {
    this.endedDecodedTokens += copy.decodedTokens;
    this.endedPreemptions += copy.preemptions;
    this.endedBusySeconds += copy.busySeconds;
  }
}
