import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { type IRole, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { DefinitionBody, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { checkTrainedModel } from '../checks/check-training.ts';
import { componentArnOf } from '../endpoint/component-names.ts';
import { createEndpointRole } from '../endpoint/endpoint-role.ts';
import type { HostedModel } from '../endpoint/hosted-model.ts';
import { toVpcConfig } from '../endpoint/network.ts';
import { VARIANT_NAME } from '../endpoint/production-variant.ts';
import { successorOf } from '../endpoint/successor.ts';
import { repositoryOfUri } from '../facts/image-registries.ts';
import { refuse } from '../facts/refusal.ts';
import { addBudget, COST_TAG } from '../monitoring/budget.ts';
import { acknowledgeMachine } from './acknowledge-machine.ts';
import { checkFineTuning } from './check-fine-tuning.ts';
import { EvaluationProject } from './evaluation-project.ts';
import type { FineTuningProps } from './fine-tuning-props.ts';
import { hyperparametersOf } from './hyperparameters.ts';
import { createMachineRole } from './machine-role.ts';
import type { MachineSettings } from './machine-settings.ts';
import { type ResolvedTraining, resolveTraining } from './resolve-training.ts';
import { stateMachine } from './state-machine.ts';
import { TrainingBucket } from './training-bucket.ts';
import { trainingCode } from './training-code.ts';
import { createTrainingRole } from './training-role.ts';
import { updateDeployment } from './update-deployment.ts';

/** Tag of what a training costs, beside `COST_TAG`. It has to be activated once as a cost allocation tag of the account. */
const TRAINING_COST_TAG = 'budgetforce-training';

/**
 * Fine-tunes a model of an endpoint and brings it into service: a state machine with a training job, a version in the model registry, an
 * evaluation beside the model in service, an approval, and an update of the model's copies with a way back. It costs nothing while no
 * run is going.
 *
 * @throws {RefusedError} if the recipe does not fit its GPUs, or a run could not work for another reason
 *
 * @example
 * new FineTuning(this, 'FineTuning', {
 *   name: 's1',
 *   endpoint,
 *   format: 's1',
 *   base: { kind: 's3', uri: 's3://my-models/qwen2.5-32b-instruct/' },
 *   evaluation: { questions: 's3://my-models/questions/aime24.jsonl' },
 *   logRetention: RetentionDays.ONE_MONTH,
 * });
 */
export class FineTuning extends Construct {
  readonly stateMachine: StateMachine;
  readonly bucket: Bucket;
  /** Role of training jobs. */
  readonly trainingRole: IRole;
  /** The model that is trained. */
  readonly model: HostedModel;

  constructor(scope: Construct, id: string, props: FineTuningProps) {
    super(scope, id);
    const { endpoint } = props;
    this.model = this.#findModel(props);
    const training = resolveTraining(props, this.model);
    refuse(this, checkFineTuning(props, this.model, training));

    this.bucket = new TrainingBucket(this, 'Runs', training).bucket;
    const code = trainingCode(this, 'Code');
    const { base } = training;
    this.trainingRole = createTrainingRole(this, 'TrainingRole', {
      bucket: this.bucket,
      kmsKeyArn: training.kmsKeyArn,
      code,
      base: base.kind === 's3' ? base : undefined,
      image: training.imageUri,
      network: props.network,
    });
    const arns = this.#componentArns();
    const project = this.#createProject(props, training, arns);
    const settings: MachineSettings = {
      ...this.#serving(props, training),
      ...this.#machine(props, training),
      job: this.#job(props, training, code.s3ObjectUrl),
      evaluation: project && { projectName: project.projectName, maxSeconds: evaluationSeconds(training) },
    };
    const role = createMachineRole(this, 'Role', {
      settings,
      bucket: this.bucket,
      endpointArn: endpoint.endpointArn,
      componentArns: arns,
      projectArn: project?.projectArn,
      kmsKeyArn: training.kmsKeyArn,
    });
    this.stateMachine = this.#createMachine(props, settings, role);
    this.#cleanUpAfterAborts();
    if (training.costAlarmDollars !== undefined) {
      addBudget(
        this,
        { dollarsPerMonth: training.costAlarmDollars, emails: training.costAlarmEmails, tag: props.name },
        props.topicArn,
        TRAINING_COST_TAG,
      );
    }
  }

  #findModel({ endpoint, model }: FineTuningProps): HostedModel {
    refuse(this, [
      checkTrainedModel(
        model,
        endpoint.models.map(({ id }) => id),
      ),
    ]);
    const found = endpoint.models.find(({ id }) => model === undefined || id === model);
    if (found === undefined) throw new Error('The endpoint hosts no model.');
    return found;
  }

  /** Name of the temporary component. */
  get #candidateName(): string {
    return `${this.model.componentName.slice(0, 63 - '-candidate'.length)}-candidate`;
  }

  /** As text, so that the stack of the endpoint exports nothing. */
  #componentArns(): readonly [string, string] {
    return [componentArnOf(this, this.model.componentName), componentArnOf(this, this.#candidateName)];
  }

  #createProject(
    { endpoint, format, logRetention }: FineTuningProps,
    { evaluation, approval, kmsKeyArn, ...training }: ResolvedTraining,
    componentArns: readonly string[],
  ): EvaluationProject | undefined {
    if (evaluation === undefined) return undefined;
    const { maxHours: _hours, ...questions } = evaluation;
    new LogGroup(this, 'CandidateLogs', {
      logGroupName: `/aws/sagemaker/InferenceComponents/${this.#candidateName}`,
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    return new EvaluationProject(this, 'Evaluation', {
      settings: {
        ...questions,
        bucket: this.bucket.bucketName,
        endpointName: endpoint.endpointName,
        component: this.model.componentName,
        candidate: this.#candidateName,
        model: { id: this.model.id, format, contextTokens: this.model.contextTokens },
        maxLossPoints: approval === 'manual' ? null : approval.maxLossPoints,
      },
      bucket: this.bucket,
      kmsKeyArn,
      endpointArn: endpoint.endpointArn,
      componentArns,
      maxSeconds: evaluationSeconds({ evaluation, ...training }),
      logRetention,
    });
  }

  /** How trained weights are served. */
  #serving({ endpoint }: FineTuningProps, { rollout, bakeSeconds, kmsKeyArn }: ResolvedTraining) {
    const { props } = this.model;
    const successor = successorOf(this.model);
    const repository = repositoryOfUri(successor.image);
    const role = createEndpointRole(this, 'ServingRole', {
      description: 'Hosts trained models: reads weights and images, writes logs and metrics',
      sources: [{ kind: 's3', uri: `s3://${this.bucket.bucketName}/runs/*/output/`, kmsKeyArn }],
      repositories: repository === undefined ? [] : [repository],
      logGroupNames: [this.model.componentName, this.#candidateName].map(
        (name) => `/aws/sagemaker/InferenceComponents/${name}`,
      ),
      network: props.network,
    });
    return {
      container: { image: successor.image, environment: successor.environment },
      servingRoleArn: role.roleArn,
      networkIsolation: successor.networkIsolation,
      servingVpc: props.network && toVpcConfig(props.network),
      component: {
        endpointName: endpoint.endpointName,
        variantName: VARIANT_NAME,
        name: this.model.componentName,
        candidateName: this.#candidateName,
        specification: successor.specification,
        modelPath: props.instanceTypes.length === 1 ? '$.Specification.ModelName' : '$.Specifications[0].ModelName',
        deployment: updateDeployment(successor, rollout, bakeSeconds),
      },
    };
  }

  #machine({ name, topicArn }: FineTuningProps, { capacity, approval, approvalDays }: ResolvedTraining) {
    return {
      partition: Stack.of(this).partition,
      name,
      bucketName: this.bucket.bucketName,
      capacity,
      packageGroup: `${name}-models`,
      approval: approval === 'manual' ? ('manual' as const) : ('rule' as const),
      approvalSeconds: Math.round(approvalDays * 86_400),
      topicArn,
      tags: [
        { Key: COST_TAG, Value: name },
        { Key: TRAINING_COST_TAG, Value: name },
      ],
    };
  }

  #job({ format, network }: FineTuningProps, training: ResolvedTraining, codeUri: string) {
    const { base, recipe } = training;
    return {
      image: training.imageUri,
      codeUri,
      roleArn: this.trainingRole.roleArn,
      baseUri: base.kind === 's3' ? base.uri : undefined,
      hyperparameters: hyperparametersOf(recipe, format, base.kind === 'hub' ? base : undefined),
      instanceType: training.instanceType,
      instanceCount: training.instanceCount,
      maxSeconds: training.maxSeconds,
      spotWaitSeconds: training.spotWaitSeconds,
      trainingPlanArn: training.trainingPlanArn,
      keepAliveSeconds: training.keepAliveSeconds,
      environment: training.environment,
      kmsKeyArn: training.kmsKeyArn,
      vpc: network && toVpcConfig(network),
    };
  }

  #createMachine({ name }: FineTuningProps, settings: MachineSettings, role: IRole): StateMachine {
    const machine = new StateMachine(this, 'StateMachine', {
      stateMachineName: `${name}-training`,
      definitionBody: DefinitionBody.fromString(Stack.of(this).toJsonString(stateMachine(settings))),
      role,
    });
    machine.node.addDependency(role);
    acknowledgeMachine(machine);
    return machine;
  }

  /** An aborted execution does not reach its own clean-up, so an event starts another one. Such a rule costs nothing. */
  #cleanUpAfterAborts(): void {
    const rule = new Rule(this, 'Ended', {
      description: 'Deletes the temporary component of a run that was aborted, timed out or failed',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          status: ['ABORTED', 'TIMED_OUT', 'FAILED'],
          stateMachineArn: [this.stateMachine.stateMachineArn],
        },
      },
    });
    Validations.of(rule).acknowledge({
      id: 'Serverless-EventBusDLQ',
      reason: 'EventBridge tries for 24 hours to start the execution; afterwards there is nothing left to decide.',
    });
    rule.addTarget(
      new SfnStateMachine(this.stateMachine, {
        input: RuleTargetInput.fromObject({ cleanUp: EventField.fromPath('$.detail.name') }),
        // CDK's own role would serve rules of other accounts, too. CDK adds its right to start executions.
        role: new Role(this, 'EndedRole', {
          description: 'Starts the clean-up of a run that was aborted, timed out or failed',
          assumedBy: new ServicePrincipal('events.amazonaws.com', {
            conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
          }),
        }),
      }),
    );
  }
}

function evaluationSeconds({ evaluation }: Pick<ResolvedTraining, 'evaluation'>): number {
  return Math.round((evaluation?.maxHours ?? 0) * 3_600);
}
