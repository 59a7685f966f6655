import { Arn, ArnFormat, type Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import {
  type BuildEnvironmentVariable,
  BuildEnvironmentVariableType,
  BuildSpec,
  ComputeType,
  type IProject,
  LinuxBuildImage,
  Project,
  Source,
} from 'aws-cdk-lib/aws-codebuild';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import { ASSET_FOLDER, programAsset } from './program-code.ts';
import type { ProgramName } from './programs.ts';

export interface ProgramProjectProps {
  readonly program: ProgramName;
  readonly description: string;
  /** Role of the build. The project adds its rights to logs and code. */
  readonly role: Role;
  /** Longest time of a build, 5 minutes to 36 hours. */
  readonly timeout: Duration;
  /** Environment variables that every build has. A build may replace them. */
  readonly environment?: Readonly<Record<string, BuildEnvironmentVariable>> | undefined;
  /** Environment variable that a build gives back: what the program prints on its standard output. */
  readonly resultVariable: string;
  readonly logRetention: RetentionDays;
}

/** A version that the image has. https://docs.aws.amazon.com/codebuild/latest/userguide/available-runtimes.html */
const NODE_VERSION = '22';

/** A CodeBuild project that runs one program of this package. It costs nothing while no build runs. */
export class ProgramProject extends Construct {
  readonly project: IProject;

  constructor(scope: Construct, id: string, props: ProgramProjectProps) {
    super(scope, id);
    const code = new Asset(this, 'Code', { path: ASSET_FOLDER, ...programAsset(props.program) });
    const logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const project = new Project(this, 'Project', {
      description: props.description,
      // CDK's own grants have wildcards for actions.
      role: props.role.withoutPolicyUpdates(),
      source: Source.s3({ bucket: code.bucket, path: code.s3ObjectKey }),
      environment: {
        buildImage: LinuxBuildImage.STANDARD_7_0,
        computeType: ComputeType.SMALL,
        environmentVariables: { ...props.environment },
      },
      buildSpec: BuildSpec.fromObject({
        version: '0.2',
        env: { shell: 'bash', 'exported-variables': [props.resultVariable] },
        phases: {
          install: { 'runtime-versions': { nodejs: NODE_VERSION } },
          build: {
            // An export alone would hide the exit code of the program.
            commands: [`${props.resultVariable}=$(node index.mjs)`, `export ${props.resultVariable}`],
          },
        },
      }),
      timeout: props.timeout,
      // Two builds of one project at a time would be two for the same thing.
      concurrentBuildLimit: 1,
      logging: { cloudWatch: { logGroup } },
      grantReportGroupPermissions: false,
    });
    Validations.of(project).acknowledge({
      id: 'AwsSolutions-CB4',
      reason:
        'The build has no artifacts; its code is the package’s own, in the bucket of CDK’s assets, which is encrypted.',
    });
    this.project = project;
    this.#allow(props, code, logGroup);
  }

  /**
   * Rights of a build to its code, its log and its secrets.
   *
   * @see https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
   */
  #allow({ role, environment = {} }: ProgramProjectProps, code: Asset, logGroup: LogGroup): void {
    const object = code.bucket.arnForObjects(code.s3ObjectKey);
    const streams = `${logGroup.logGroupRef.logGroupArn}:*`;
    const statements = [
      [['s3:GetObject', 's3:GetObjectVersion'], object],
      [['s3:GetBucketAcl', 's3:GetBucketLocation'], code.bucket.bucketArn],
      [['logs:CreateLogStream', 'logs:PutLogEvents'], streams],
    ] as const;
    for (const [actions, resource] of statements) {
      role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [resource] }));
    }
    acknowledgeArn(role, 'IAM5', 'Resource', streams, 'CodeBuild names the stream of each build.');
    for (const { type, value } of Object.values(environment)) {
      if (type !== BuildEnvironmentVariableType.SECRETS_MANAGER) continue;
      const [name = ''] = String(value).split(':');
      // Secrets Manager adds a dash and six characters to the name of a secret.
      const arn = Arn.format(
        {
          service: 'secretsmanager',
          resource: 'secret',
          resourceName: `${name}-??????`,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        },
        Stack.of(this),
      );
      role.addToPolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [arn] }));
    }
  }
}
