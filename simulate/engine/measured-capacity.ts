import { defaultAdmission } from '../../lambda/policy/admission.ts';
import type { CopyCapacity } from '../../lambda/policy/load.ts';
import { learnSpeed, type SpeedFit, speedAt, speedOfProfile } from '../../lambda/policy/measured-speed.ts';
import { USUAL_CONTEXT_TOKENS } from '../../lib/serving/decode-speed.ts';
import { fullStep, type Profile } from '../profile.ts';

/** Pressure from which requests queue. */
const FULL_PRESSURE = defaultAdmission.fullAt;

/** Capacity of a copy: cache and concurrency of the profile, and the speed as it is measured during the run. */
export class MeasuredCapacity {
  readonly #profile: Profile;
  #speed: SpeedFit;
  #tokensPerSecond: number;

  constructor(profile: Profile) {
    this.#profile = profile;
    const full = fullStep(profile, USUAL_CONTEXT_TOKENS);
    this.#speed = speedOfProfile(profile.speed.stepSeconds, full);
    this.#tokensPerSecond = speedAt(this.#speed, full.requests);
  }

  get current(): CopyCapacity {
    const { cacheTokens, maxSequences } = this.#profile.speed;
    return { cacheTokens, maxRequests: maxSequences, tokensPerSecond: this.#tokensPerSecond };
  }

  /** Skips measurements while requests queue, as the live scaling does: a queued request generates no tokens. */
  learn(
    measurement: { readonly tokens: number; readonly copySeconds: number; readonly requestsPerCopy: number },
    pressure: number,
  ): void {
    if (pressure <= 0 || pressure > FULL_PRESSURE) return;
    this.#speed = learnSpeed(this.#speed, measurement);
    this.#tokensPerSecond = speedAt(this.#speed, (measurement.requestsPerCopy * FULL_PRESSURE) / pressure);
  }
}
