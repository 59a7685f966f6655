import { vi } from 'vitest';
import { startsIn } from '../../../lambda/policy/zero-copies.ts';
import type { AdmittedRequest } from '../../../lambda/scaling/admitted-request.ts';
import { policyInForce } from '../../../lambda/settings/policy-settings.ts';
import { Job } from '../../../simulate/engine/job.ts';
import { initialState, SimulatedController } from '../../../simulate/engine/simulated-controller.ts';
import { fullStep, type Profile } from '../../../simulate/profile.ts';
import { CommittedScaling } from '../../../simulate/scaling/committed-scaling.ts';
import { plainProfile } from '../../simulate/worlds.ts';
import { loadWorld, request, smallCopies } from './load-world.ts';

/** A request as both sides see it. Tokens of one sample. */
export interface Asked {
  readonly key: number;
  readonly promptTokens: number;
  readonly minTokens: number;
  readonly floorTokens: number;
  readonly maxTokens: number;
  readonly answerTokens: number;
  readonly elastic: boolean;
}

/** An admitted request on both sides. */
interface Running {
  readonly admitted: AdmittedRequest;
  readonly job: Job;
  readonly elastic: boolean;
  thinking: number;
  cut: boolean;
}

const profile: Profile = {
  ...plainProfile,
  speed: { ...plainProfile.speed, stepSeconds: 0.02, cacheTokens: 5_600, maxSequences: 12 },
};
const full = fullStep(profile, 3_000);
const settings = {
  ...smallCopies,
  maxCopies: 30,
  cacheTokens: profile.speed.cacheTokens,
  maxRequests: profile.speed.maxSequences,
  stepSeconds: profile.speed.stepSeconds,
  fullRequests: full.requests,
  fullStepSeconds: full.stepSeconds,
};

/**
 * The live scaling of a model, with its table in memory, and the simulator's controller, for the same requests at the same times.
 * Needs fake timers.
 *
 * @param use initial share of its limit that each request is expected to use
 */
export async function twoControllers(use = 1) {
  // Ticks happen only when the test asks for them.
  const { autoscaler, clock, control, lines } = loadWorld(1, { settings, tickSeconds: 1e9 });
  const policy = policyInForce(settings);
  const simulated = new SimulatedController(profile, policy, new CommittedScaling(policy.scaling), {
    ...initialState(profile),
    use: initialState(profile).use.map(() => use),
  });
  const { scaling } = autoscaler;
  const { value } = await scaling.store.state();
  await scaling.store.write('state', { ...value, use: value.use.map(() => use) }, undefined);
  const running: Running[] = [];
  let copies = { copies: 1, startingCopies: 0 };
  let last = clock.now;
  let asked = 0;

  const liveLoad = async () => (await scaling.snapshot()).load;

  /** Lets every live request look at the load, and then renew its lease, five seconds later. */
  const wait = async () => {
    clock.now += 5;
    await vi.advanceTimersByTimeAsync(5_000);
  };

  return {
    running,
    liveLoad,
    wait,
    simulatedLoad: () => simulated.load(copies),

    /** Admits a request on both sides. */
    async admit({ key, promptTokens, minTokens, floorTokens, maxTokens, answerTokens, elastic }: Asked) {
      const live = await autoscaler.gate
        .admit(
          request(`r${String(asked++).padStart(4, '0')}`, {
            key: `key_${key}`,
            promptTokens,
            minTokens,
            floorTokens,
            maxTokens,
            answerTokens,
            elastic,
          }),
        )
        .catch(() => undefined);
      const arrival = {
        at: clock.now,
        promptTokens,
        naturalThinkingTokens: maxTokens,
        maxThinkingTokens: maxTokens,
        minThinkingTokens: minTokens,
        answerTokens,
        maxAnswerTokens: answerTokens,
        elastic,
        floorTokens,
        thinkingCalls: 1,
        prefix: 0,
        sharedTokens: 0,
        key,
      };
      // How long a start still takes is an estimate live, and known in the simulator: both get the estimate.
      const { state } = await scaling.snapshot();
      const startsInSeconds =
        copies.startingCopies === 0
          ? Number.POSITIVE_INFINITY
          : startsIn(state.copies.startingSince ?? clock.now, state.startSeconds, clock.now);
      const decision = simulated.decide(arrival, copies, startsInSeconds);
      if (live !== undefined && decision.kind === 'admit') {
        const job = new Job();
        job.begin(arrival, decision.grantedTokens, clock.now);
        simulated.add(job);
        live.admitted.begin();
        running.push({ admitted: live.admitted, job, elastic, thinking: 0, cut: false });
      }
      return {
        live: live?.report.granted,
        simulated: decision.kind === 'admit' ? decision.grantedTokens : undefined,
      };
    },

    /** Generates thinking. A cut thought stays as it is. */
    think(one: Running, tokens: number) {
      if (one.cut) return;
      one.thinking = Math.min(one.job.grantedTokens, one.thinking + tokens);
      if (one.thinking > 0) simulated.start(one.job);
      one.admitted.count(0, { thinking: one.thinking, answer: 0 });
    },

    /** Lets both sides cut, and returns for each running request whether its thought was cut so far. */
    async cut() {
      await wait();
      const thoughts = running
        .filter(({ elastic, cut, thinking, job }) => elastic && !cut && thinking < job.grantedTokens)
        .map((one) => ({
          one,
          job: one.job,
          key: one.job.key,
          promptTokens: one.job.promptTokens,
          limitTokens: one.job.limitTokens,
          minTokens: one.job.minTokens,
          reservedTokens: one.job.reservedTokens,
          usedThinking: one.thinking,
          floorThinking: one.job.floorTokens,
          wantedThinking: one.job.requestedTokens,
          answerTokens: one.job.maxAnswerTokens,
        }));
      simulated.cut(thoughts, copies, ({ one }) => {
        one.cut = true;
      });
      return {
        live: running.map(({ admitted }) => admitted.cutOf(0)?.aborted),
        simulated: running.map(({ cut }) => cut),
      };
    },

    /** Ends a request with this many answer tokens. */
    async end(one: Running, answer: number) {
      running.splice(running.indexOf(one), 1);
      one.admitted.count(0, { thinking: one.thinking, answer });
      await one.admitted.end(0);
      simulated.end(one.job, one.thinking + answer);
    },

    /** One step on both sides, ten seconds after the last one: what was learned, and what was decided. */
    async step(seen = copies) {
      copies = seen;
      clock.now = last + 10;
      last = clock.now;
      control.seen = { current: seen.copies, desired: seen.copies + seen.startingCopies };
      const {
        use: learned,
        speed,
        tokensPerSecond,
        demand,
        history,
        usedTokens,
        cached,
        sizes,
        startedPromptTokens,
        ...state
      } = await scaling.tick(0);
      const { MissingCopies, SpareCopies, WantedCopies } = lines.at(-1) ?? {};
      const used = running.reduce((sum, { thinking }) => sum + thinking, 0);
      const { state: inMemory, decision, load } = simulated.step(clock.now, used, copies);
      const { reservedTokens, committedTokens, requests } = state.seen;
      return {
        live: {
          learned: {
            use: learned,
            speed,
            tokensPerSecond,
            demand,
            history,
            usedTokens,
            cached,
            sizes,
            startedPromptTokens,
            copies: copies.copies,
          },
          load: { reservedTokens, committedTokens, requests },
          decision: { missing: MissingCopies, spare: SpareCopies, desired: WantedCopies },
        },
        simulated: {
          learned: { ...inMemory, copies: inMemory.copies.running },
          load: {
            reservedTokens: load.reservedTokens,
            committedTokens: load.committedTokens,
            requests: load.requests,
          },
          decision: { missing: decision.missing, spare: decision.spare, desired: decision.desiredNow.copies },
        },
      };
    },
  };
}
