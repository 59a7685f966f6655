import { Arn, ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import { SERVICE_FILE } from './bucket-layout.ts';
import type { MachineSettings } from './machine-settings.ts';

export interface MachineRoleProps {
  readonly settings: MachineSettings;
  readonly bucket: Bucket;
  readonly endpointArn: string;
  readonly componentArns: readonly [service: string, candidate: string];
  readonly projectArn: string | undefined;
  readonly kmsKeyArn: string | undefined;
}

interface Allowed {
  readonly sid: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: Readonly<Record<string, object>>;
  /** Reason for wildcards in `resources`. */
  readonly reason?: string;
}

/** Creates the role of the state machine: what its states call, on the resources of this stage. */
export function createMachineRole(scope: Construct, id: string, props: MachineRoleProps): Role {
  const role = new Role(scope, id, {
    description: 'Runs a fine-tuning: training job, registry, evaluation, service',
    assumedBy: new ServicePrincipal('states.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  });
  const parts = [
    ...jobRights(scope, props),
    ...modelRights(scope, props),
    ...bucketRights(props),
    ...buildRights(scope, props),
  ];
  for (const { sid, actions, resources, conditions, reason } of parts) {
    role.addToPolicy(
      new PolicyStatement({
        sid,
        actions: [...actions],
        resources: [...resources],
        ...(conditions !== undefined && { conditions }),
      }),
    );
    if (reason === undefined) continue;
    for (const arn of resources.filter((resource) => resource.includes('*'))) {
      acknowledgeArn(role, 'IAM5', 'Resource', arn, reason);
    }
  }
  return role;
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html#sagemaker-iam */
function jobRights(scope: Construct, { settings }: MachineRoleProps): readonly Allowed[] {
  const { name, job, servingRoleArn } = settings;
  const jobs = sageMaker(scope, 'training-job', `${name}-*`);
  const reason = 'A job is named after its run.';
  return [
    {
      sid: 'RunTrainingJobs',
      actions: [
        'sagemaker:CreateTrainingJob',
        'sagemaker:DescribeTrainingJob',
        'sagemaker:StopTrainingJob',
        'sagemaker:AddTags',
      ],
      resources: [jobs],
      reason,
    },
    ...(job.trainingPlanArn === undefined
      ? []
      : [{ sid: 'UseTrainingPlan', actions: ['sagemaker:CreateTrainingJob'], resources: [job.trainingPlanArn] }]),
    {
      sid: 'PassRoles',
      actions: ['iam:PassRole'],
      resources: [job.roleArn, servingRoleArn],
      conditions: { StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } },
    },
    {
      sid: 'FollowTrainingJobs',
      actions: ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
      resources: [eventRule(scope, 'StepFunctionsGetEventsForSageMakerTrainingJobsRule')],
    },
  ];
}

function modelRights(scope: Construct, { settings, endpointArn, componentArns }: MachineRoleProps): readonly Allowed[] {
  const { name, packageGroup, evaluation } = settings;
  const [service, candidate] = componentArns;
  const group = sageMaker(scope, 'model-package-group', packageGroup);
  const versions = sageMaker(scope, 'model-package', `${packageGroup}/*`);
  return [
    {
      sid: 'CreateModels',
      actions: ['sagemaker:CreateModel', 'sagemaker:AddTags'],
      resources: [sageMaker(scope, 'model', `${name}-*`)],
      reason: 'A model is named after its run.',
    },
    {
      sid: 'RegisterModels',
      actions: [
        'sagemaker:CreateModelPackageGroup',
        'sagemaker:CreateModelPackage',
        'sagemaker:UpdateModelPackage',
        'sagemaker:AddTags',
      ],
      resources: [group, versions],
      reason: 'SageMaker numbers the versions in this group.',
    },
    {
      sid: 'UpdateService',
      actions: ['sagemaker:DescribeInferenceComponent', 'sagemaker:UpdateInferenceComponent'],
      resources: [service],
    },
    {
      sid: 'SeeCandidate',
      actions: ['sagemaker:DescribeInferenceComponent', 'sagemaker:DeleteInferenceComponent'],
      resources: [candidate],
    },
    ...(evaluation === undefined
      ? []
      : [
          {
            sid: 'CreateCandidate',
            actions: ['sagemaker:CreateInferenceComponent', 'sagemaker:AddTags'],
            resources: [candidate, endpointArn],
          },
        ]),
  ];
}

function bucketRights({ settings, bucket, kmsKeyArn }: MachineRoleProps): readonly Allowed[] {
  const approvals = bucket.arnForObjects('runs/*/approval.json');
  return [
    {
      sid: 'SeeData',
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
    },
    {
      sid: 'AskApproval',
      actions: ['s3:PutObject'],
      resources: [approvals],
      reason: 'The folder is named after the run.',
    },
    {
      sid: 'RecordService',
      actions: ['s3:GetObject', 's3:PutObject'],
      resources: [bucket.arnForObjects(SERVICE_FILE)],
    },
    ...(kmsKeyArn === undefined
      ? []
      : [{ sid: 'UseKey', actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [kmsKeyArn] }]),
    ...(settings.topicArn === undefined
      ? []
      : [{ sid: 'Notify', actions: ['sns:Publish'], resources: [settings.topicArn] }]),
  ];
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/connect-codebuild.html */
function buildRights(scope: Construct, { projectArn }: MachineRoleProps): readonly Allowed[] {
  if (projectArn === undefined) return [];
  return [
    {
      sid: 'RunEvaluation',
      actions: ['codebuild:StartBuild', 'codebuild:StopBuild', 'codebuild:BatchGetBuilds'],
      resources: [projectArn],
    },
    {
      sid: 'FollowEvaluation',
      actions: ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
      resources: [eventRule(scope, 'StepFunctionsGetEventForCodeBuildStartBuildRule')],
    },
  ];
}

function sageMaker(scope: Construct, resource: string, resourceName: string): string {
  return Arn.format({ service: 'sagemaker', resource, resourceName }, Stack.of(scope));
}

/** Rule of Step Functions, by whose events a state learns that its job or build has ended. */
function eventRule(scope: Construct, name: string): string {
  return Arn.format(
    { service: 'events', resource: 'rule', resourceName: name, arnFormat: ArnFormat.SLASH_RESOURCE_NAME },
    Stack.of(scope),
  );
}
