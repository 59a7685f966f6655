import type { KeyLoad } from '../policy/elastic-grant.ts';
import type { CopyCapacity, Load } from '../policy/load.ts';
import type { WakeState } from '../policy/zero-copies.ts';
import type { PolicyInForce } from '../settings/policy-settings.ts';
import type { ScalingControl, ScalingState } from './scaling-state.ts';

/** Load and scaling state of one model at one time, as input of a decision. */
export interface LoadSnapshot {
  readonly load: Load;
  /** The same load by key. */
  readonly keyLoad: (key: string) => KeyLoad;
  /** Refused requests that no tick has counted yet. */
  readonly refused: number;
  readonly capacity: CopyCapacity;
  readonly policy: PolicyInForce;
  readonly state: ScalingState;
  readonly wake: WakeState;
  readonly control: ScalingControl;
}
