import { z } from 'zod';
import { knownTrainingTags, trainingTags } from '../facts/training-images.ts';
import { recipeDefaults } from './recipe.ts';

/** Config of fine-tuning: the recipe, its machines, the evaluation and the way into service. */

const positive = z.number().gt(0);
const share = z.number().min(0).lt(1);
const count = z.int().min(1);

/** Options of training/sft that a recipe of either method has. */
const commonFields = {
  task: z
    .enum(['sft', 'dpo', 'kto', 'grpo'])
    .default('sft')
    .describe(
      'What the data is: rows of question, thought and answer, or what `budgetforce preferences export` writes: pairs (`dpo`), judged answers (`kto`), or questions with their right answer, which the model answers itself (`grpo`).',
    ),
  beta: z
    .number()
    .min(0)
    .optional()
    .describe(
      'With `dpo`, `kto` and `grpo`: how strongly the model is held near the one before. If omitted, 0.1; with `grpo` 0, which needs no second model in memory.',
    ),
  ldAlpha: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'With `dpo`: weight of the tokens by which one answer is longer; below 1, length counts less. If omitted, 1.',
    ),
  generations: z
    .int()
    .min(2)
    .optional()
    .describe('With `grpo`: answers that are sampled to each question. `batchSize` is a multiple. If omitted, 8.'),
  tokenPrice: z
    .number()
    .min(0)
    .optional()
    .describe(
      'With `grpo`: what a token of thought or answer costs, in rewards of a right answer, which is 1. If omitted, 0.0001.',
    ),
  grader: z
    .enum(['auto', 'exact', 'numeric', 'choice'])
    .optional()
    .describe(
      'With `grpo`: what compares an answer with the right one. If omitted, `auto`: the first of `numeric`, `choice` and `exact` that can.',
    ),
  temperature: positive.optional().describe('With `grpo`: of the sampled answers. If omitted, 1.'),
  maxCompletionLength: count
    .optional()
    .describe(
      'With `grpo`: most tokens of a sampled thought with its answer. If omitted, what the longest prompt leaves of `blockSize`.',
    ),
  epochs: positive.default(recipeDefaults.epochs).describe('Passes over the data.'),
  maxSteps: count.optional().describe('Ends the training after these steps, whatever `epochs` says.'),
  learningRate: positive
    .optional()
    .describe(
      'If omitted, 1e-5, s1’s for 32 billion parameters. For `dpo`, `kto` and `grpo` write a lower one, such as 1e-6.',
    ),
  batchSize: count
    .default(recipeDefaults.batchSize)
    .describe('Rows of one step, of all GPUs together. With `grpo`, sampled answers.'),
  microBatchSize: count.default(recipeDefaults.microBatchSize).describe('Rows in the memory of one GPU.'),
  blockSize: count
    .default(recipeDefaults.blockSize)
    .describe('Most tokens of a row: question, thought and answer. Memory follows from it.'),
  tooLong: z
    .enum(['refuse', 'drop'])
    .optional()
    .describe(
      'What happens to a longer row: the job fails before it trains, or the row is left out. If omitted, `refuse`.',
    ),
  packing: z.boolean().optional().describe('Whether several rows share a sequence of `blockSize`. If omitted, false.'),
  scheduler: z.enum(['cosine', 'linear', 'constant_with_warmup']).optional().describe('If omitted, `cosine`, to 0.'),
  warmupRatio: share.optional().describe('Share of the steps in which the learning rate rises. If omitted, 0.05.'),
  weightDecay: z.number().min(0).optional().describe('If omitted, 1e-4.'),
  beta1: share.optional().describe('If omitted, 0.9.'),
  beta2: share.optional().describe('If omitted, 0.95.'),
  maxGradNorm: positive.optional().describe('If omitted, 1.'),
  seed: z.int().min(0).optional().describe('Order of the rows, dropout, new adapters. If omitted, 1.'),
  columns: z
    .enum(['auto', 'plain', 's1k', 's1k-1.1'])
    .optional()
    .describe('Columns of the data. If omitted, those of the first row.'),
  attention: z
    .string()
    .regex(/^[a-z0-9_]+$/)
    .optional()
    .describe('Attention of transformers. If omitted, `sdpa`.'),
  fsdp: z
    .enum(['auto', 'on', 'off'])
    .default('auto')
    .describe('Whether all GPUs share weights, gradients and optimizer. `auto`: if there are several.'),
  activationCheckpointing: z
    .enum(['auto', 'on', 'off'])
    .default('auto')
    .describe('Whether activations are computed again instead of kept. `auto`: yes.'),
  saveSteps: count.default(recipeDefaults.saveSteps).describe('Steps between checkpoints.'),
  keepCheckpoints: count.optional().describe('Checkpoints that an instance keeps. If omitted, 2.'),
  logSteps: count.optional().describe('Steps between lines of metrics. If omitted, 1.'),
};

const recipeSchema = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('full'), ...commonFields }),
  z.strictObject({
    method: z.literal('lora'),
    ...commonFields,
    loraRank: count.optional().describe('Rank of the adapter. If omitted, 16.'),
    loraAlpha: count.optional().describe('If omitted, twice the rank.'),
    loraDropout: share.optional().describe('If omitted, 0.'),
    loraTargets: z
      .string()
      .min(1)
      .optional()
      .describe('Names of the layers with an adapter, with commas. If omitted, `all-linear`.'),
  }),
]);

const baseSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('s3'),
    uri: z
      .string()
      .startsWith('s3://')
      .describe('Unquantized weights in Hugging Face’s layout, in the region: `s3://bucket/prefix/`.'),
    kmsKeyArn: z.string().startsWith('arn:').optional().describe('KMS key that the objects are encrypted with.'),
  }),
  z.strictObject({
    kind: z.literal('hub'),
    id: z.string().min(1).describe('Model id on the Hugging Face hub, for instance `Qwen/Qwen2.5-32B-Instruct`.'),
    revision: z.string().min(1).optional().describe('Commit, 40 hexadecimal letters.'),
  }),
]);

const s3File = z
  .string()
  .regex(/^s3:\/\/[^/]+\/.*[^/]$/, 'Expected a file in a bucket of the region: s3://bucket/path/file.jsonl');

const evaluationSchema = z.strictObject({
  questions: s3File.describe('Questions as `budgetforce eval --questions` reads them, in a bucket of the region.'),
  dataset: z
    .string()
    .min(1)
    .optional()
    .describe('Public dataset whose own columns the file has, as `budgetforce eval --dataset`.'),
  grader: z
    .enum(['exact', 'numeric', 'choice', 'math'])
    .optional()
    .describe('Grader of all questions. If omitted, that of each question.'),
  budgets: z
    .array(z.int().min(0))
    .min(1)
    .default([2_048, 8_192])
    .describe(
      'Maxima of thinking tokens at which each question is asked, as `--budgets`. The report compares at the last.',
    ),
  limit: count.default(200).describe('Questions to ask.'),
  concurrency: z
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe('Requests at the same time. The model in service gets them, too.'),
  calibrate: z
    .boolean()
    .default(true)
    .describe('Whether thresholds of confidence are measured as well, on the questions after the first `limit`.'),
  maxHours: z.number().min(0.25).max(36).default(4).describe('Longest time of the evaluation, in hours.'),
});

const approvalSchema = z.union([
  z.literal('manual'),
  z.strictObject({
    maxLossPoints: z
      .number()
      .min(0)
      .max(100)
      .describe(
        'The model goes into service if, with 95 % confidence, its accuracy at the last budget is not lower by more than these percentage points.',
      ),
  }),
]);

const unknownTag = `Expected one of the tags ${knownTrainingTags}, or { uri } of an image in your own ECR`;

export const trainingSchema = z.strictObject({
  model: z.string().min(1).optional().describe('Id of the hosted model to train. If omitted, the only one.'),
  base: baseSchema.optional().describe('Weights to begin with. If omitted, the model’s own `source`.'),
  instanceType: z.string().min(1).default('ml.p5.48xlarge').describe('Instance type of the training job.'),
  instanceCount: z.int().min(1).max(64).default(2).describe('Instances of the training job.'),
  spot: z
    .boolean()
    .default(false)
    .describe('Whether to train on spot instances. An interrupted job continues from its last checkpoint.'),
  trainingPlanArn: z
    .string()
    .startsWith('arn:')
    .optional()
    .describe('SageMaker training plan whose reserved instances the job uses.'),
  keepAliveSeconds: z
    .int()
    .optional()
    .describe('Warm pool: time for which the instances stay, and are paid, after a job for the next one. 1 to 3,600.'),
  maxHours: z
    .number()
    .gt(0)
    .default(24)
    .describe('Longest time of the training, in hours. The job is stopped then: it bounds the cost.'),
  capacity: z
    .strictObject({
      attempts: z
        .int()
        .min(1)
        .max(500)
        .default(16)
        .describe('Training jobs to start until one gets instances and is not interrupted.'),
      waitMinutes: z.int().min(1).max(1_440).default(30).describe('Time between two attempts, in minutes.'),
    })
    .prefault({})
    .describe('What happens if there is no capacity, or spot instances are taken away: another attempt.'),
  image: z
    .union(
      [
        z.enum(trainingTags),
        z.strictObject({ uri: z.string().min(1).describe('URI in a private ECR repository of the region.') }),
      ],
      {
        error: (issue) =>
          typeof issue.input === 'string' ? `${unknownTag}, but received "${issue.input}"` : undefined,
      },
    )
    .optional()
    .describe(
      'Image of the training job: a tag of AWS’s PyTorch images, or an image in your own ECR. If omitted, AWS’s Hugging Face image.',
    ),
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(512))
    .optional()
    .describe('Environment variables of the training job, without secrets, for instance `PIP_INDEX_URL`.'),
  recipe: recipeSchema
    .prefault({ method: 'full' })
    .describe('How the model is trained. The defaults are s1’s ([fine-tuning](fine-tuning.md#recipe)).'),
  evaluation: evaluationSchema
    .optional()
    .describe(
      'Questions on which the trained model is compared with the one in service. If omitted, nothing is asked, and a person approves.',
    ),
  approval: approvalSchema.default('manual').describe('Who lets the trained model into service: a person, or a rule.'),
  approvalDays: z
    .number()
    .gt(0)
    .max(365)
    .default(7)
    .describe('Time for a person’s approval, in days. Then the run fails.'),
  rollout: z
    .enum(['rolling', 'canary'])
    .default('rolling')
    .describe(
      'How copies get the trained model: `rolling`, half of them at a time; `canary`, the fewest first, with a longer wait.',
    ),
  bakeSeconds: z
    .int()
    .optional()
    .describe(
      'Wait after each part of the copies, in which an alarm rolls back, 0 to 3,600. If omitted, 300; 1,800 with `canary`.',
    ),
  costAlarmDollars: z
    .number()
    .gt(0)
    .optional()
    .describe('AWS Budget of a month over the training jobs. It notifies at 80 % spent and 100 % forecast.'),
  costAlarmEmails: z
    .array(z.email())
    .max(10)
    .optional()
    .describe('Addresses that the budget notifies, beside `watching.alarmTopicArn`.'),
  kmsKeyArn: z.string().startsWith('arn:').optional().describe('KMS key of the bucket and of what the job writes.'),
  network: z
    .literal('endpoint')
    .optional()
    .describe('`endpoint`: the job runs in the network of the endpoint. If omitted, in SageMaker’s.'),
  checkpointDays: count.default(14).describe('Days after which checkpoints are deleted.'),
});

export type TrainingConfig = z.output<typeof trainingSchema>;
export type RecipeConfig = TrainingConfig['recipe'];
