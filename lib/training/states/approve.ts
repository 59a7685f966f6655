import type { MachineSettings } from '../machine-settings.ts';
import { catchAll, failure, present, retryCall, type State, type States, sdkAction } from './state.ts';

/** The decision: a person's, or the verdict of the evaluation by the stated rule. */
export function approveStates(settings: MachineSettings): States {
  const byPerson = settings.approval === 'manual';
  return {
    Decide: byPerson ? toPerson(settings) : byRule,
    ...(byPerson ? personStates(settings) : ruleStates),
    Reject: packageStatus(settings, 'Rejected', 'The model does not go into service', 'ReportFailure'),
    Approve: packageStatus(settings, 'Approved', 'The model goes into service', 'DescribeService'),
  };
}

function toPerson({ topicArn }: MachineSettings): State {
  return { Type: 'Pass', Comment: 'A person decides', Next: topicArn === undefined ? 'AskApproval' : 'NotifyApprover' };
}

const byRule: State = {
  Type: 'Choice',
  Comment: 'training.approval.maxLossPoints decides',
  Choices: [{ Variable: '$.evaluated.verdict.passes', BooleanEquals: true, Next: 'Approve' }],
  Default: 'RuleNotMet',
};

const ruleStates: States = {
  RuleNotMet: failure(
    'RuleNotMet',
    'The trained model does not meet training.approval: {} The report: runs/{}/evaluation/report.md in the bucket.',
    ['$.evaluated.verdict.sentence', '$.names.run'],
    'Reject',
  ),
};

function personStates(settings: MachineSettings): States {
  const { partition, bucketName, topicArn, approvalSeconds } = settings;
  const report = `States.Format('s3://${bucketName}/runs/{}/evaluation/', $.names.run)`;
  return {
    ...(topicArn !== undefined && {
      NotifyApprover: {
        Type: 'Task',
        Resource: `arn:${partition}:states:::sns:publish`,
        Parameters: {
          TopicArn: topicArn,
          Subject: `Fine-tuning of ${settings.name} waits for approval`,
          'Message.$': `States.Format('Run {} waits for approval. Report: s3://${bucketName}/runs/{}/evaluation/report.md. To decide: npx budgetforce train promote {}', $.names.run, $.names.run, $.names.run)`,
        },
        ResultPath: null,
        Retry: retryCall,
        Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.notified', Next: 'AskApproval' }],
        Next: 'AskApproval',
      } satisfies State,
    }),
    AskApproval: {
      Type: 'Task',
      Comment: 'Waits until budgetforce train promote sends the token back',
      Resource: `${sdkAction(partition, 's3', 'putObject')}.waitForTaskToken`,
      Parameters: {
        Bucket: bucketName,
        'Key.$': "States.Format('runs/{}/approval.json', $.names.run)",
        ContentType: 'application/json',
        Body: {
          'token.$': '$$.Task.Token',
          'run.$': '$.names.run',
          'modelPackageArn.$': '$.package.arn',
          'report.$': report,
          'asked.$': '$$.State.EnteredTime',
          timeoutSeconds: approvalSeconds,
        },
      },
      TimeoutSeconds: approvalSeconds,
      ResultPath: '$.approval',
      Catch: [
        { ErrorEquals: ['States.Timeout'], ResultPath: '$.failure', Next: 'ApprovalExpired' },
        ...catchAll('WhyNotApproved'),
      ],
      Next: 'IsApproved',
    },
    IsApproved: {
      Type: 'Choice',
      Choices: [
        {
          And: [present('$.approval.approved'), { Variable: '$.approval.approved', BooleanEquals: true }],
          Next: 'Approve',
        },
      ],
      Default: 'Rejected',
    },
    WhyNotApproved: {
      Type: 'Choice',
      Choices: [{ Variable: '$.failure.Error', StringMatches: 'S3.*', Next: 'ApprovalFailed' }],
      Default: 'RejectedByError',
    },
    Rejected: failure(
      'Rejected',
      'Run {} was rejected: {}',
      ['$.names.run', 'States.JsonToString($.approval)'],
      'Reject',
    ),
    RejectedByError: failure('Rejected', 'Run {} was rejected: {}', ['$.names.run', '$.failure.Cause'], 'Reject'),
    ApprovalExpired: failure(
      'ApprovalExpired',
      `Nobody approved run {} within ${approvalSeconds / 86_400} days (training.approvalDays). Its weights stay in the bucket.`,
      ['$.names.run'],
      'Reject',
    ),
    ApprovalFailed: failure('ApprovalFailed', 'The token of the approval could not be written: {} {}', [
      '$.failure.Error',
      '$.failure.Cause',
    ]),
  };
}

/** Writes the decision into the registry. The run goes on if that fails: the decision itself is the history of the execution. */
function packageStatus(
  { partition }: MachineSettings,
  status: 'Approved' | 'Rejected',
  description: string,
  next: string,
): State {
  return {
    Type: 'Task',
    Resource: sdkAction(partition, 'sagemaker', 'updateModelPackage'),
    Parameters: {
      'ModelPackageArn.$': '$.package.arn',
      ModelApprovalStatus: status,
      ApprovalDescription: description,
    },
    ResultPath: null,
    Retry: retryCall,
    Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.registered', Next: next }],
    Next: next,
  };
}
