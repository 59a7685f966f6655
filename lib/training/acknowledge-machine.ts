import { Validations } from 'aws-cdk-lib';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';

/** Records why the state machine has neither a log group nor traces, for cdk-nag and its readers. */
export function acknowledgeMachine(machine: StateMachine): void {
  const reasons = {
    'AwsSolutions-SF1':
      'Step Functions keeps the history of an execution, with every event, for 90 days; a log would be a second copy.',
    'AwsSolutions-SF2':
      'The states of a run take minutes to hours, and the history shows each of them; traces add nothing.',
    'Serverless-StepFunctionStateMachineXray':
      'The states of a run take minutes to hours, and the history shows each of them; traces add nothing.',
  };
  for (const [id, reason] of Object.entries(reasons)) Validations.of(machine).acknowledge({ id, reason });
}
