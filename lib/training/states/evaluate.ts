import type { MachineSettings } from '../machine-settings.ts';
import {
  catchAll,
  countFrom,
  countPoll,
  failure,
  present,
  retryCall,
  type States,
  sdkAction,
  withModelPath,
} from './state.ts';

/** Polls once a minute: time until a candidate is in service, with a new instance and a large model, and until it is gone. */
const STARTING_POLLS = 120;
const DELETING_POLLS = 60;

/** A temporary component with the trained weights, the questions, and the component's end, whatever happened. */
export function evaluateStates(settings: MachineSettings): States {
  if (settings.evaluation === undefined) return {};
  const { partition, component, tags } = settings;
  return {
    CreateCandidate: {
      Type: 'Task',
      Resource: sdkAction(partition, 'sagemaker', 'createInferenceComponent'),
      Parameters: {
        InferenceComponentName: component.candidateName,
        EndpointName: component.endpointName,
        VariantName: component.variantName,
        ...withModelPath(component.specification('$.names.model')),
        RuntimeConfig: { CopyCount: 1 },
        Tags: tags,
      },
      ResultPath: null,
      // Another run may be at its evaluation.
      Retry: [{ ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 300, MaxAttempts: 6, BackoffRate: 1 }],
      Catch: catchAll('CandidateRefused'),
      Next: 'CountStarting',
    },
    CandidateRefused: failure('EvaluationFailed', 'The temporary component of run {} could not be created: {} {}', [
      '$.names.run',
      '$.failure.Error',
      '$.failure.Cause',
    ]),
    ...startingStates(settings),
    ...questionStates(settings, settings.evaluation),
    ...deletingStates(settings),
  };
}

function startingStates({ partition, component }: MachineSettings): States {
  return {
    CountStarting: countFrom('WaitForCandidate'),
    WaitForCandidate: { Type: 'Wait', Seconds: 60, Next: 'CountStartingPoll' },
    CountStartingPoll: countPoll('DescribeCandidate'),
    DescribeCandidate: {
      Type: 'Task',
      Resource: sdkAction(partition, 'sagemaker', 'describeInferenceComponent'),
      Parameters: { InferenceComponentName: component.candidateName },
      Retry: retryCall,
      Catch: catchAll('CandidateLost'),
      ResultPath: '$.described',
      Next: 'IsCandidateReady',
    },
    IsCandidateReady: {
      Type: 'Choice',
      Choices: [
        { Variable: '$.described.InferenceComponentStatus', StringEquals: 'InService', Next: 'Evaluate' },
        {
          And: [
            { Variable: '$.described.InferenceComponentStatus', StringEquals: 'Failed' },
            present('$.described.FailureReason'),
          ],
          Next: 'CandidateFailed',
        },
        { Variable: '$.described.InferenceComponentStatus', StringEquals: 'Failed', Next: 'CandidateFailedSilently' },
        { Variable: '$.poll.count', NumericGreaterThanEquals: STARTING_POLLS, Next: 'CandidateLate' },
      ],
      Default: 'WaitForCandidate',
    },
    CandidateFailed: failed('The temporary component failed: {} The log group is that of the component.', [
      '$.described.FailureReason',
    ]),
    CandidateFailedSilently: failed('The temporary component failed without a reason. Look into its log group.'),
    CandidateLate: failed(
      `The temporary component is not in service after ${STARTING_POLLS} minutes. Is an instance of the endpoint free, or instances.max high enough?`,
    ),
    CandidateLost: failed('The temporary component cannot be described: {}', ['$.failure.Cause']),
  };
}

function failed(cause: string, paths: readonly string[] = []) {
  return failure('EvaluationFailed', cause, paths, 'DeleteCandidate');
}

function questionStates(
  { partition }: MachineSettings,
  evaluation: NonNullable<MachineSettings['evaluation']>,
): States {
  return {
    Evaluate: {
      Type: 'Task',
      Resource: `arn:${partition}:states:::codebuild:startBuild.sync`,
      Parameters: {
        ProjectName: evaluation.projectName,
        EnvironmentVariablesOverride: [
          { Name: 'RUN', 'Value.$': '$.names.run', Type: 'PLAINTEXT' },
          { Name: 'MODEL_NAME', 'Value.$': '$.names.model', Type: 'PLAINTEXT' },
          { Name: 'JOB', 'Value.$': '$.job.name', Type: 'PLAINTEXT' },
        ],
      },
      TimeoutSeconds: evaluation.maxSeconds + 3_600,
      ResultSelector: { 'verdict.$': 'States.StringToJson($.Build.ExportedEnvironmentVariables[0].Value)' },
      ResultPath: '$.evaluated',
      Catch: catchAll('QuestionsFailed'),
      Next: 'DeleteCandidate',
    },
    QuestionsFailed: failed('The questions could not be asked: {} {}', ['$.failure.Error', '$.failure.Cause']),
  };
}

function deletingStates({ partition, component }: MachineSettings): States {
  const candidate = { InferenceComponentName: component.candidateName };
  return {
    DeleteCandidate: {
      Type: 'Task',
      Resource: sdkAction(partition, 'sagemaker', 'deleteInferenceComponent'),
      Parameters: candidate,
      ResultPath: null,
      Retry: [{ ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 60, MaxAttempts: 10, BackoffRate: 1 }],
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.deletion', Next: 'CountDeleting' }],
      Next: 'CountDeleting',
    },
    CountDeleting: countFrom('WaitForDeletion'),
    WaitForDeletion: { Type: 'Wait', Seconds: 60, Next: 'CountDeletingPoll' },
    CountDeletingPoll: countPoll('SeeDeletion'),
    SeeDeletion: {
      Type: 'Task',
      Comment: 'Fails when the component is gone',
      Resource: sdkAction(partition, 'sagemaker', 'describeInferenceComponent'),
      Parameters: candidate,
      ResultPath: null,
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.deletion', Next: 'WasEvaluated' }],
      Next: 'IsDeletionLate',
    },
    IsDeletionLate: {
      Type: 'Choice',
      Choices: [{ Variable: '$.poll.count', NumericGreaterThanEquals: DELETING_POLLS, Next: 'CandidateStays' }],
      Default: 'WaitForDeletion',
    },
    CandidateStays: failure(
      'CandidateStays',
      `The temporary component ${component.candidateName} is still there after ${DELETING_POLLS} minutes, and its GPUs are billed. Delete it: aws sagemaker delete-inference-component --inference-component-name ${component.candidateName}`,
    ),
    WasEvaluated: {
      Type: 'Choice',
      Choices: [{ ...present('$.failure.Error'), Next: 'ReportFailure' }],
      Default: 'Decide',
    },
  };
}
