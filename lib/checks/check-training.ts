import { Token } from 'aws-cdk-lib';
import { limits } from '../facts/aws-limits.ts';
import { groupDigits } from '../facts/group-digits.ts';
import { repositoryOfUri } from '../facts/image-registries.ts';
import { INSTANCE_REGIONS_SOURCE, offeredIn, regionsOf } from '../facts/instance-regions.ts';
import { RESERVABLE_TYPES_SOURCE, reservableInstanceTypes } from '../facts/instance-types.ts';
import { instancesFor, type Placement } from '../facts/placement.ts';
import type { Refusal } from '../facts/refusal.ts';
import { EFA_SOURCE, hasEfa } from '../facts/training-hardware.ts';
import { TRAINING_IMAGES_SOURCE } from '../facts/training-images.ts';
import { checkRange } from './check-range.ts';

const JOB_SOURCE = 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html';
const WARM_POOL_SOURCE = 'https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html';
const PLAN_SOURCE = 'https://docs.aws.amazon.com/sagemaker/latest/dg/reserve-capacity-with-training-plans.html';

/** Instances of a training job, as far as they are checked here. */
export interface CheckedJob {
  readonly region: string;
  readonly instanceType: string;
  readonly instanceCount: number;
  readonly maxSeconds: number;
  /** Time for spot instances, training included. `undefined` on demand. */
  readonly spotWaitSeconds?: number | undefined;
  readonly trainingPlanArn?: string | undefined;
  readonly keepAliveSeconds?: number | undefined;
}

/** Refuses instances that SageMaker does not give a training job, and combinations that it does not accept. */
export function checkTrainingJob(job: CheckedJob): readonly (Refusal | undefined)[] {
  return [
    checkTrainingRegion(job),
    checkEfa(job),
    checkRange('training-hours', 'training.maxHours', job.maxSeconds / 3_600, limits.trainingHours),
    job.spotWaitSeconds === undefined
      ? undefined
      : checkRange(
          'training-hours',
          'With spot instances, training.maxHours and capacity.attempts × waitMinutes together',
          job.spotWaitSeconds / 3_600,
          limits.trainingHours,
        ),
    job.keepAliveSeconds === undefined
      ? undefined
      : checkRange('keep-alive', 'training.keepAliveSeconds', job.keepAliveSeconds, limits.keepAliveSeconds),
    job.keepAliveSeconds !== undefined && job.spotWaitSeconds !== undefined
      ? {
          code: 'keep-alive-spot',
          sentence: `training.keepAliveSeconds is ${job.keepAliveSeconds} and training.spot is true, but SageMaker keeps no spot instances in a warm pool: leave one of them out.`,
          source: WARM_POOL_SOURCE,
        }
      : undefined,
    ...checkTrainingPlan(job),
  ];
}

function checkTrainingRegion({ instanceType, region }: CheckedJob): Refusal | undefined {
  if (Token.isUnresolved(region) || offeredIn(instanceType, region) !== false) return undefined;
  return {
    code: 'training-region',
    sentence: `training.instanceType "${instanceType}" is not offered in region "${region}", so no job would find capacity: write another instanceType, or a stage in one of the regions ${regionsOf(instanceType)?.join(', ')}.`,
    source: INSTANCE_REGIONS_SOURCE,
  };
}

function checkEfa({ instanceType, instanceCount }: CheckedJob): Refusal | undefined {
  if (instanceCount === 1 || hasEfa(instanceType)) return undefined;
  return {
    code: 'training-efa',
    sentence: `training.instanceCount is ${instanceCount}, but ${instanceType} has no Elastic Fabric Adapter, so its GPUs would wait for the network most of the time: write instanceCount 1, or a type with EFA, such as a P type or a G type from 8xlarge on.`,
    source: EFA_SOURCE,
  };
}

function checkTrainingPlan({ region, instanceType, trainingPlanArn: arn, spotWaitSeconds }: CheckedJob) {
  if (arn === undefined) return [];
  const [, arnRegion] = /^arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):\d{12}:training-plan\/.+$/.exec(arn) ?? [];
  const refusals: readonly (Refusal | undefined)[] = [
    arnRegion === region || Token.isUnresolved(arn) || Token.isUnresolved(region)
      ? undefined
      : {
          code: 'training-plan-arn',
          sentence: `training.trainingPlanArn is "${arn}", which is not a training plan of ${region}: write "arn:aws:sagemaker:${region}:<account>:training-plan/<name>".`,
          source: PLAN_SOURCE,
        },
    spotWaitSeconds === undefined
      ? undefined
      : {
          code: 'training-plan-spot',
          sentence: `training.trainingPlanArn and training.spot are both set, but reserved instances are no spot instances: leave one of them out.`,
          source: PLAN_SOURCE,
        },
    reservableInstanceTypes.includes(instanceType)
      ? undefined
      : {
          code: 'training-plan-type',
          sentence: `training.trainingPlanArn is set, but training plans do not reserve ${instanceType}: leave trainingPlanArn out, or write one of ${reservableInstanceTypes.join(', ')}.`,
          source: RESERVABLE_TYPES_SOURCE,
        },
  ];
  return refusals;
}

/** A recipe on its GPUs, as `lib/training` calculates it. */
export interface CheckedRecipe {
  readonly model: string;
  readonly instanceType: string;
  readonly instanceCount: number;
  readonly blockSize: number;
  /** Window of the model, in tokens. */
  readonly contextTokens: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly saveSteps: number;
  readonly maxSteps: number | undefined;
  readonly spot: boolean;
  readonly loraTargets: readonly string[];
  /** Names that `loraTargets` may have. */
  readonly layers: readonly string[];
  /** `undefined` if the instance type is unknown or the model has no architecture. */
  readonly memory:
    | {
        readonly gpus: number;
        readonly needed: number;
        readonly usable: number;
        readonly largestBlock: number;
        /** Memory of a host that is needed, and that it has, in bytes. */
        readonly hostNeeded: number;
        readonly host: number;
        readonly calculation: string;
      }
    | undefined;
}

/** Refuses a recipe that does not fit its GPUs, its model or its batch. */
export function checkRecipe(recipe: CheckedRecipe): readonly (Refusal | undefined)[] {
  const { model, blockSize, contextTokens, memory, loraTargets, layers } = recipe;
  const unknown = loraTargets.find((name) => !layers.includes(name));
  return [
    blockSize <= contextTokens
      ? undefined
      : {
          code: 'training-block',
          sentence: `training.recipe.blockSize is ${groupDigits(blockSize)}, but the window of ${model} is ${groupDigits(contextTokens)} tokens, so longer rows could not be trained: write ${contextTokens} or less.`,
          source: 'https://huggingface.co/docs/trl/sft_trainer',
        },
    unknown === undefined
      ? undefined
      : {
          code: 'lora-targets',
          sentence: `training.recipe.loraTargets names "${unknown}", which is no linear layer of a decoder: write some of ${layers.join(', ')}, or "all-linear".`,
          source: 'https://huggingface.co/docs/peft/package_reference/lora',
        },
    recipe.spot && recipe.maxSteps !== undefined && recipe.maxSteps <= recipe.saveSteps
      ? {
          code: 'spot-checkpoints',
          sentence: `training.spot is true, but with recipe.maxSteps ${recipe.maxSteps} and saveSteps ${recipe.saveSteps} there is no checkpoint before the end, so an interrupted job would begin again: write a smaller saveSteps.`,
          source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html',
        }
      : undefined,
    ...(memory === undefined ? [] : [...checkTrainingMemory(recipe, memory), checkBatch(recipe, memory.gpus)]),
  ];
}

function checkTrainingMemory(
  { model, instanceType, instanceCount }: CheckedRecipe,
  memory: NonNullable<CheckedRecipe['memory']>,
): readonly (Refusal | undefined)[] {
  const { needed, usable, largestBlock, hostNeeded, host, calculation } = memory;
  const smaller = largestBlock >= 1_024 ? `recipe.blockSize ${Math.floor(largestBlock / 1_024) * 1_024}, ` : '';
  return [
    needed <= usable
      ? undefined
      : {
          code: 'training-memory',
          sentence: `The recipe for ${model} does not fit ${instanceCount} × ${instanceType}: ${calculation}. Write ${smaller}a larger instanceCount, an instanceType with more memory, or method "lora".`,
          source: 'https://huggingface.co/docs/transformers/perf_train_gpu_one',
        },
    hostNeeded <= host
      ? undefined
      : {
          code: 'training-host-memory',
          sentence: `The weights of ${model} take ${gib(hostNeeded)} GiB of host memory while they are loaded and written, but ${instanceType} has ${gib(host)} GiB: write an instanceType with more.`,
          source: 'https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html',
        },
  ];
}

/** The script refuses such batches, too, but when the instances are paid for. */
function checkBatch({ batchSize, microBatchSize }: CheckedRecipe, gpus: number): Refusal | undefined {
  if (batchSize % (gpus * microBatchSize) === 0) return undefined;
  const step = gpus * microBatchSize;
  return {
    code: 'training-batch',
    sentence: `training.recipe.batchSize is ${batchSize}, which ${gpus} GPUs cannot share in parts of microBatchSize ${microBatchSize}: write a multiple of ${step}, for instance ${Math.ceil(batchSize / step) * step}.`,
    source: 'https://huggingface.co/docs/transformers/main_classes/trainer',
  };
}

/** Refuses weights to begin with that are not one commit, that need a token, or that cannot be trained. */
export function checkBase(
  model: string,
  base: {
    /** Where the message sends the reader: `training.base`, or the model's own source. */
    readonly field: string;
    readonly hub: { readonly id: string; readonly revision?: string | undefined } | undefined;
    readonly tokenSecretName: string | undefined;
    /** Quantization of the stored weights. */
    readonly quantized: boolean;
  },
): readonly (Refusal | undefined)[] {
  const { field, hub, tokenSecretName, quantized } = base;
  const found = hub?.revision === undefined ? 'no revision' : `the revision "${hub.revision}", which is no commit`;
  return [
    hub === undefined || (hub.revision !== undefined && /^[0-9a-f]{40}$/.test(hub.revision))
      ? undefined
      : {
          code: 'training-revision',
          sentence: `${field} of ${model} has ${found}, so two runs could begin with other weights: write the 40 letters of a commit as revision (https://huggingface.co/${hub.id}/commits/main).`,
          source: 'https://huggingface.co/docs/huggingface_hub/guides/download#download-an-entire-repository',
        },
    tokenSecretName === undefined
      ? undefined
      : {
          code: 'training-gated',
          sentence: `The weights of ${model} need the token of ${tokenSecretName}, which would be readable in DescribeTrainingJob: bring them into a bucket (npx budgetforce weights) and write training.base { kind: "s3", uri }.`,
          source: JOB_SOURCE,
        },
    quantized
      ? {
          code: 'training-quantized',
          sentence: `The stored weights of ${model} are quantized, and quantized weights cannot be trained, nor do trained ones fit its vllm.quantization: serve 16-bit weights (quantization "fp8" converts them while loading), and begin with them.`,
          source: 'https://docs.vllm.ai/en/latest/features/quantization/',
        }
      : undefined,
  ];
}

/** Refuses an image that a training job in the region cannot pull. */
export function checkTrainingImage(uri: string, region: string): Refusal | undefined {
  if (Token.isUnresolved(uri) || Token.isUnresolved(region) || repositoryOfUri(uri)?.region === region)
    return undefined;
  return {
    code: 'training-image',
    sentence: `training.image "${uri}" is not in a private ECR repository of ${region}, from which a training job pulls: write "<account>.dkr.ecr.${region}.amazonaws.com/<repository>:<tag>".`,
    source: TRAINING_IMAGES_SOURCE,
  };
}

/** Refuses a job that needs the internet in a network without a route to it. */
export function checkTrainingNetwork(network: {
  readonly isolated: boolean;
  /** Image of AWS, to which the script adds packages. */
  readonly ownImage: boolean;
  readonly packageIndex: boolean;
  readonly hub: string | undefined;
}): Refusal | undefined {
  if (!network.isolated) return undefined;
  const source = 'https://docs.aws.amazon.com/sagemaker/latest/dg/train-vpc.html';
  if (network.hub !== undefined) {
    return {
      code: 'training-network',
      sentence: `training.network is "endpoint", which has no route to the internet, but the job would download ${network.hub} from the hub: bring the weights into a bucket (npx budgetforce weights) and write training.base { kind: "s3", uri }.`,
      source,
    };
  }
  if (network.ownImage || network.packageIndex) return undefined;
  return {
    code: 'training-network',
    sentence: `training.network is "endpoint", which has no route to the internet, but AWS's image lacks packages of training/sft/requirements.txt: write image { uri } of an image that has them, or environment.PIP_INDEX_URL of an index in the network.`,
    source,
  };
}

/** Refuses a temporary component for which there would never be room beside the copies that always run. */
export function checkEvaluationRoom(
  model: string,
  candidateGpus: number,
  placements: readonly Placement[],
  { instanceType, gpus, max }: { readonly instanceType: string; readonly gpus: number; readonly max: number },
): Refusal | undefined {
  const copies = placements.flatMap(({ tensorParallel, copies: { min } }) => Array<number>(min).fill(tensorParallel));
  const needed = instancesFor([...copies, candidateGpus], gpus);
  if (candidateGpus > gpus || needed <= max) return undefined;
  return {
    code: 'evaluation-room',
    sentence: `training.evaluation puts the trained ${model} on ${candidateGpus} GPU${candidateGpus === 1 ? '' : 's'} beside the copies that always run, which needs ${needed} × ${instanceType}, but endpoint.instances.max is ${max}: write instances.max ${needed}, or a smaller copies.min.`,
    source:
      'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentComputeResourceRequirements.html',
  };
}

/** Refuses budgets of an evaluation that leave no room for question and answer in the window. */
export function checkEvaluationBudgets(
  model: string,
  budgets: readonly number[],
  maxThinkingTokens: number,
): Refusal | undefined {
  const largest = Math.max(...budgets);
  if (largest <= maxThinkingTokens) return undefined;
  return {
    code: 'evaluation-budgets',
    sentence: `training.evaluation.budgets has ${groupDigits(largest)}, but ${model} can think at most ${groupDigits(maxThinkingTokens)} tokens beside question and answer: write ${maxThinkingTokens} or less.`,
    source: 'https://arxiv.org/abs/2501.19393',
  };
}

/** Refuses a rule over figures that nobody measures. */
export function checkApproval(byRule: boolean, evaluated: boolean): Refusal | undefined {
  if (!byRule || evaluated) return undefined;
  return {
    code: 'approval-rule',
    sentence: `training.approval is a rule over the accuracy, but without training.evaluation none is measured: write evaluation, or approval "manual".`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-approve.html',
    final: true,
  };
}

/** Refuses a model to train that the endpoint does not host, or that is not named among several. */
export function checkTrainedModel(model: string | undefined, hosted: readonly string[]): Refusal | undefined {
  if (model === undefined ? hosted.length === 1 : hosted.includes(model)) return undefined;
  const list = hosted.map((id) => `"${id}"`).join(', ');
  return {
    code: 'training-model',
    sentence:
      model === undefined
        ? `training.model is missing, but the endpoint hosts ${hosted.length} models: write one of ${list || 'those with a source, of which there is none'}.`
        : `training.model is "${model}", which the endpoint does not host: write one of ${list || 'the models with a source, of which there is none'}.`,
    source: JOB_SOURCE,
    final: true,
  };
}

function gib(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}
