import type { MachineSettings } from '../machine-settings.ts';
import { retryCall, type State, type States, sdkAction } from './state.ts';

/** The end of a run that failed, and of one that was ended from outside. */
export function endStates(settings: MachineSettings): States {
  const { topicArn } = settings;
  return {
    ReportFailure: {
      Type: 'Pass',
      Comment: 'Every failure comes here with a name and a sentence',
      Next: topicArn === undefined ? 'Failed' : 'NotifyFailure',
    },
    ...(topicArn !== undefined && {
      NotifyFailure: {
        Type: 'Task',
        Resource: `arn:${settings.partition}:states:::sns:publish`,
        Parameters: {
          TopicArn: topicArn,
          Subject: `Fine-tuning of ${settings.name} failed`,
          'Message.$': "States.Format('Execution {}: {}. {}', $$.Execution.Name, $.failure.Error, $.failure.Cause)",
        },
        ResultPath: null,
        Retry: retryCall,
        Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.notified', Next: 'Failed' }],
        Next: 'Failed',
      } satisfies State,
    }),
    Failed: { Type: 'Fail', ErrorPath: '$.failure.Error', CausePath: '$.failure.Cause' },
    ...cleanUpStates(settings),
  };
}

/** Deletes the temporary component of an execution that was aborted or timed out, if it is that run's. Ends well whatever happens. */
function cleanUpStates({ partition, name, component }: MachineSettings): States {
  const candidate = { InferenceComponentName: component.candidateName };
  const ended = [{ ErrorEquals: ['States.ALL'], ResultPath: '$.leftover', Next: 'CleanedUp' }];
  return {
    NameLeftover: {
      Type: 'Pass',
      Parameters: { 'model.$': `States.Format('${name}-{}', $.cleanUp)` },
      ResultPath: '$.names',
      Next: 'DescribeLeftover',
    },
    DescribeLeftover: {
      Type: 'Task',
      Comment: 'Fails if there is none',
      Resource: sdkAction(partition, 'sagemaker', 'describeInferenceComponent'),
      Parameters: candidate,
      ResultSelector: { 'modelName.$': component.modelPath },
      ResultPath: '$.leftover',
      Catch: ended,
      Next: 'IsLeftoverOfRun',
    },
    IsLeftoverOfRun: {
      Type: 'Choice',
      Choices: [{ Variable: '$.leftover.modelName', StringEqualsPath: '$.names.model', Next: 'DeleteLeftover' }],
      Default: 'CleanedUp',
    },
    DeleteLeftover: {
      Type: 'Task',
      Resource: sdkAction(partition, 'sagemaker', 'deleteInferenceComponent'),
      Parameters: candidate,
      ResultPath: null,
      // It may still be in creation.
      Retry: [{ ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 120, MaxAttempts: 30, BackoffRate: 1 }],
      Catch: ended,
      Next: 'CleanedUp',
    },
    CleanedUp: { Type: 'Succeed' },
  };
}
