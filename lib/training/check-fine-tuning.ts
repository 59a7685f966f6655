import { Stack } from 'aws-cdk-lib';
import { thinkingDefaults } from '../api/thinking-defaults.ts';
import { checkInstanceType } from '../checks/check-instance-type.ts';
import { checkBucket, checkS3Uri } from '../checks/check-model-source.ts';
import { checkRange } from '../checks/check-range.ts';
import { checkPlainSecret } from '../checks/check-secrets.ts';
import {
  checkApproval,
  checkBase,
  checkEvaluationBudgets,
  checkEvaluationRoom,
  checkRecipe,
  checkTrainingImage,
  checkTrainingJob,
  checkTrainingNetwork,
} from '../checks/check-training.ts';
import type { HostedModel } from '../endpoint/hosted-model.ts';
import { placementOf } from '../endpoint/model-props.ts';
import { limits } from '../facts/aws-limits.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';
import { toArchitecture } from '../serving/architecture.ts';
import { weightBitsOf } from '../serving/gpu-memory.ts';
import type { FineTuningProps } from './fine-tuning-props.ts';
import { loraTargetNames, loraTargetsOf } from './lora-parameters.ts';
import { trainingMemory } from './memory.ts';
import { trainingMemoryInWords } from './memory-in-words.ts';
import { recipeDefaults } from './recipe.ts';
import type { ResolvedTraining } from './resolve-training.ts';

/** Fields that no other task has. */
const grpoFields = ['generations', 'tokenPrice', 'grader', 'temperature', 'maxCompletionLength'] as const;

/** Runs all checks of a fine-tuning. */
export function checkFineTuning(
  props: FineTuningProps,
  model: HostedModel,
  training: ResolvedTraining,
): readonly (Refusal | undefined)[] {
  const { region } = Stack.of(props.endpoint);
  return [
    checkName(props.name),
    checkInstanceType(training.instanceType),
    ...checkTrainingJob({ region, ...training }),
    ...recipeChecks(model, training),
    ...baseChecks(model, training),
    checkTrainingImage(training.imageUri, region),
    checkTrainingNetwork({
      isolated: props.network?.isolated ?? false,
      ownImage: typeof props.image === 'object',
      packageIndex: training.environment['PIP_INDEX_URL'] !== undefined,
      hub: training.base.kind === 'hub' ? training.base.id : undefined,
    }),
    checkApproval(training.approval !== 'manual', training.evaluation !== undefined),
    checkRange('training-bake', 'training.bakeSeconds', training.bakeSeconds, limits.bakeSeconds),
    ...evaluationChecks(props, model, training),
    ...Object.entries(training.environment).map(([name, value]) =>
      checkPlainSecret(model.id, `training.environment.${name}`, name, value, {
        where: 'in DescribeTrainingJob',
        instead: 'leave it out; weights of the hub that need a token belong into a bucket (npx budgetforce weights)',
      }),
    ),
  ];
}

function checkName(name: string): Refusal | undefined {
  if (/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return undefined;
  return {
    code: 'training-name',
    sentence: `The name of the fine-tuning is "${name}", with which names of jobs and models begin: write at most 40 lower-case letters, digits and dashes, starting with a letter.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html',
    final: true,
  };
}

function recipeChecks({ id, props }: HostedModel, training: ResolvedTraining): readonly (Refusal | undefined)[] {
  const { recipe, instanceType, instanceCount, spot } = training;
  const missing: Refusal | undefined =
    props.architecture === undefined
      ? {
          code: 'training-architecture',
          sentence: `${id} has no architecture, so it cannot be checked whether the recipe fits its GPUs: write architecture with a well-known name, or the fields of config.json.`,
          source: 'https://huggingface.co/docs/transformers/perf_train_gpu_one',
        }
      : undefined;
  return [
    missing,
    checkTask(recipe),
    ...checkRecipe({
      model: id,
      instanceType,
      instanceCount,
      blockSize: recipe.blockSize,
      contextTokens: props.contextTokens,
      batchSize: recipe.batchSize,
      microBatchSize: recipe.microBatchSize,
      saveSteps: recipe.saveSteps,
      maxSteps: recipe.maxSteps,
      spot,
      loraTargets: recipe.method === 'lora' ? loraTargetsOf(recipe) : [],
      layers: loraTargetNames,
      memory: memoryOf(props, training),
    }),
  ];
}

/** Refuses fields that the task of a recipe does not have: the script would refuse them after the instances have started. */
function checkTask({ task, packing, beta, ldAlpha, ...recipe }: ResolvedTraining['recipe']): Refusal | undefined {
  const { generations = recipeDefaults.generations, batchSize } = recipe;
  const ofGrpo = grpoFields.filter((name) => recipe[name] !== undefined);
  const wrong = [
    ...(task !== 'sft' && packing === true ? ['packing, which is of sft'] : []),
    ...(task === 'sft' && beta !== undefined ? ['beta, which is of dpo, kto and grpo'] : []),
    ...(task !== 'dpo' && ldAlpha !== undefined ? ['ldAlpha, which is of dpo'] : []),
    ...(task !== 'grpo' && ofGrpo.length > 0 ? [`${ofGrpo.join(', ')}, which is of grpo`] : []),
  ];
  if (wrong.length === 0) return checkTaskNumbers({ task, beta, generations, batchSize });
  return {
    code: 'training-task',
    sentence: `training.recipe is of the task "${task}" and has ${wrong.join(', and ')}: leave it out, or write another task.`,
    source: 'docs/feedback.md',
  };
}

/** Refuses numbers with which a task learns nothing, or cannot start. */
function checkTaskNumbers({
  task,
  beta,
  generations,
  batchSize,
}: Pick<ResolvedTraining['recipe'], 'task' | 'beta' | 'batchSize'> & { generations: number }): Refusal | undefined {
  const refuse = (sentence: string): Refusal => ({ code: 'training-task', sentence, source: 'docs/feedback.md' });
  if (task !== 'grpo') {
    if (beta !== 0) return undefined;
    return refuse(
      `training.recipe has beta 0, with which ${task} learns nothing: write a number above 0, such as 0.1.`,
    );
  }
  if (batchSize % generations === 0) return undefined;
  const next = Math.ceil(batchSize / generations) * generations;
  return refuse(
    `training.recipe has batchSize ${batchSize}, which is no multiple of the ${generations} answers to each question: write ${next}, or another number of generations.`,
  );
}

function memoryOf({ architecture }: HostedModel['props'], { recipe, instanceType, instanceCount }: ResolvedTraining) {
  const type = findInstanceType(instanceType);
  if (architecture === undefined || type === undefined) return undefined;
  const memory = trainingMemory(toArchitecture(architecture), recipe, { instanceType, instanceCount });
  return (
    memory && {
      ...memory,
      host: type.memoryGib * 1024 ** 3,
      calculation: trainingMemoryInWords(recipe, memory),
    }
  );
}

function baseChecks(
  { id, props }: HostedModel,
  { base, ownSource }: ResolvedTraining,
): readonly (Refusal | undefined)[] {
  const field = ownSource ? 'source' : 'training.base';
  const { quantization } = props.vllm ?? {};
  const quantized = ownSource
    ? weightBitsOf({ weightBits: props.weightBits, quantization: quantization === 'fp8' ? undefined : quantization }) <
      16
    : quantization !== undefined && quantization !== 'fp8';
  return [
    ...checkBase(id, {
      field,
      hub: base.kind === 'hub' ? base : undefined,
      tokenSecretName: base.kind === 'hub' ? base.tokenSecretName : undefined,
      quantized,
    }),
    ...(base.kind === 's3' ? [checkS3Uri(id, base, `${field}.uri`), checkBucket(id, `${field}.uri`, base.uri)] : []),
  ];
}

function evaluationChecks(
  { endpoint }: FineTuningProps,
  model: HostedModel,
  { evaluation }: ResolvedTraining,
): readonly (Refusal | undefined)[] {
  if (evaluation === undefined) return [];
  const [instanceType] = model.props.instanceTypes;
  const type = findInstanceType(instanceType);
  const placements = endpoint.models.map(({ props }) => placementOf(props));
  return [
    checkBucket(model.id, 'training.evaluation.questions', evaluation.questions),
    checkEvaluationBudgets(model.id, evaluation.budgets, thinkingDefaults(model.contextTokens).maxTokens),
    type &&
      checkEvaluationRoom(model.id, model.props.vllm?.tensorParallel ?? 1, placements, {
        instanceType,
        gpus: type.gpus,
        max: endpoint.instances.max,
      }),
  ];
}
