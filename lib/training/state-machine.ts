import type { MachineSettings } from './machine-settings.ts';
import { approveStates } from './states/approve.ts';
import { endStates } from './states/end.ts';
import { evaluateStates } from './states/evaluate.ts';
import { promoteStates } from './states/promote.ts';
import { registerStates } from './states/register.ts';
import { startStates } from './states/start.ts';
import type { States } from './states/state.ts';
import { trainStates } from './states/train.ts';

/** Definition of a state machine, as Step Functions reads it. */
interface Definition {
  readonly Comment: string;
  readonly StartAt: string;
  readonly States: States;
}

/**
 * Builds the states of a run: data, training job, registry, evaluation, approval, service; and of a roll-back (`rollBack: true` in the
 * input) and of a clean-up (`cleanUp`: the name of an execution that was ended from outside).
 */
export function stateMachine(settings: MachineSettings): Definition {
  return {
    Comment: `Fine-tunes ${settings.name} and brings it into service. docs/fine-tuning.md describes each state`,
    StartAt: 'Start',
    States: {
      ...startStates(settings),
      ...trainStates(settings),
      ...registerStates(settings),
      ...evaluateStates(settings),
      ...approveStates(settings),
      ...promoteStates(settings),
      ...endStates(settings),
    },
  };
}
