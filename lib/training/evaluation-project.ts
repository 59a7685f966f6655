import { Arn, Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { ProgramProject } from '../bundles/program-project.ts';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import { parseS3Uri } from '../serving/model-source.ts';
import { EVALUATIONS } from './bucket-layout.ts';
import { EVALUATION_VARIABLE, type EvaluationSettings, VERDICT_VARIABLE } from './evaluation-settings.ts';

export interface EvaluationProjectProps {
  readonly settings: EvaluationSettings;
  readonly bucket: Bucket;
  readonly kmsKeyArn: string | undefined;
  readonly endpointArn: string;
  readonly componentArns: readonly string[];
  readonly maxSeconds: number;
  readonly logRetention: RetentionDays;
}

/** A CodeBuild project that asks the trained model and the one in service the same questions. It costs nothing while no build runs. */
export class EvaluationProject extends Construct {
  readonly projectName: string;
  readonly projectArn: string;

  constructor(scope: Construct, id: string, props: EvaluationProjectProps) {
    super(scope, id);
    const role = new Role(this, 'Role', {
      description: 'Evaluates a trained model beside the one in service',
      assumedBy: new ServicePrincipal('codebuild.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    allowStorage(role, props);
    role.addToPolicy(
      new PolicyStatement({
        sid: 'AskModels',
        actions: ['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream'],
        resources: [props.endpointArn, ...props.componentArns],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        sid: 'SeeModels',
        actions: ['sagemaker:DescribeInferenceComponent'],
        resources: [...props.componentArns],
      }),
    );
    const { project } = new ProgramProject(this, 'Program', {
      program: 'evaluate',
      description: 'Asks a trained model and the one in service the same questions',
      role,
      timeout: Duration.seconds(props.maxSeconds),
      environment: { [EVALUATION_VARIABLE]: { value: Stack.of(this).toJsonString(props.settings) } },
      resultVariable: VERDICT_VARIABLE,
      logRetention: props.logRetention,
    });
    this.projectName = project.projectName;
    this.projectArn = project.projectArn;
  }
}

function allowStorage(role: Role, { bucket, settings, kmsKeyArn }: EvaluationProjectProps): void {
  const questions = parseS3Uri(settings.questions);
  const objects = Arn.format(
    { service: 's3', region: '', account: '', resource: questions.bucket, resourceName: questions.prefix },
    Stack.of(role),
  );
  role.addToPolicy(new PolicyStatement({ sid: 'ReadQuestions', actions: ['s3:GetObject'], resources: [objects] }));
  const reports = bucket.arnForObjects('runs/*/evaluation/*');
  const answers = bucket.arnForObjects(`${EVALUATIONS}*`);
  const tokenizers = bucket.arnForObjects('runs/*/output/*/tokenizer.json');
  const statements = [
    { sid: 'ReadTokenizer', actions: ['s3:GetObject'], resources: [tokenizers] },
    { sid: 'WriteReports', actions: ['s3:PutObject'], resources: [reports] },
    { sid: 'KeepAnswers', actions: ['s3:GetObject', 's3:PutObject'], resources: [answers] },
  ];
  for (const statement of statements) {
    role.addToPolicy(new PolicyStatement(statement));
    for (const arn of statement.resources) {
      acknowledgeArn(role, 'IAM5', 'Resource', arn, 'The folders are named after runs and models.');
    }
  }
  role.addToPolicy(
    new PolicyStatement({
      sid: 'ListAnswers',
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: { StringLike: { 's3:prefix': [`${EVALUATIONS}*`] } },
    }),
  );
  if (kmsKeyArn === undefined) return;
  role.addToPolicy(
    new PolicyStatement({ sid: 'UseKey', actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [kmsKeyArn] }),
  );
}
