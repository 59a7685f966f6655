import type { ConfigInput, ModelConfigInput } from '../../../lib/config.ts';
import { aConfig, aModel } from '../synthesize.ts';

type Training = NonNullable<ConfigInput['training']>;

const plan = 'arn:aws:sagemaker:us-east-1:111122223333:training-plan/mine';
const commit = 'c1899de289a04d12100db370d81485cdf75e47ca';

/** A config that trains its only model on two p5.48xlarge, which fits. */
function training(
  changes: Training,
  model: Partial<ModelConfigInput> = {},
  others: Partial<ConfigInput> = {},
): ConfigInput {
  return aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 1, max: 2 } },
    models: [aModel({ architecture: 'qwen2.5-32b', ...model })],
    training: { base: { kind: 's3', uri: 's3://weights/qwen/' }, ...changes },
    ...others,
  });
}

const isolated: Partial<ConfigInput> = {
  endpoint: {
    instanceType: 'ml.p5.48xlarge',
    instances: { initial: 1, min: 1, max: 2 },
    network: { kind: 'isolated' },
  },
};
const small = { architecture: 'qwen2.5-7b', vllm: {} } as const;

/** Configs whose training cannot work. */
export const refusedTrainings: Record<string, ConfigInput> = {
  'a training of s1 at its whole length on 8 H100': training({ instanceCount: 1 }),
  'a training of s1 at its whole length without recomputed activations': training({
    recipe: { method: 'full', activationCheckpointing: 'off' },
  }),
  'a training on pairs that packs rows': training({
    recipe: { method: 'lora', task: 'dpo', packing: true, blockSize: 4_096 },
  }),
  'a training on rows with the field of pairs': training({ recipe: { method: 'full', ldAlpha: 0.5 } }),
  'a training on pairs with the price of sampled tokens': training({
    recipe: { method: 'lora', task: 'dpo', tokenPrice: 0.001, blockSize: 4_096 },
  }),
  'a training on pairs that nothing holds near': training({
    recipe: { method: 'lora', task: 'dpo', beta: 0, blockSize: 4_096 },
  }),
  'a batch that holds no whole group of answers': training({
    recipe: { method: 'lora', task: 'grpo', batchSize: 20, blockSize: 4_096 },
  }),
  'a training of s1 without FSDP': training({ recipe: { method: 'full', fsdp: 'off' } }),
  'a training of all weights on one L40S': training(
    { instanceType: 'ml.g6e.2xlarge', instanceCount: 1, recipe: { method: 'full' } },
    small,
  ),
  'a training whose weights do not fit the host': training(
    { instanceType: 'ml.g5.xlarge', instanceCount: 1, recipe: { method: 'lora', blockSize: 512 } },
    small,
  ),
  'a training of a model without an architecture': training({}, { architecture: undefined }),
  'a training on an instance type that does not exist': training({ instanceType: 'ml.p5.49xlarge' }),
  'a training on an instance type that the region does not offer': training(
    { instanceType: 'ml.g6e.48xlarge', instanceCount: 1, recipe: { method: 'lora', blockSize: 16_384 } },
    {},
    { region: 'eu-west-2' },
  ),
  'a training on several hosts without EFA': training(
    { instanceType: 'ml.g6e.4xlarge', recipe: { method: 'lora' } },
    small,
  ),
  'a training of more than 28 days': training({ maxHours: 700 }),
  'spot instances that wait for more than 28 days': training({
    spot: true,
    capacity: { attempts: 500, waitMinutes: 1_440 },
  }),
  'a warm pool of more than an hour': training({ keepAliveSeconds: 7_200 }),
  'a warm pool of spot instances': training({ spot: true, keepAliveSeconds: 1_800 }),
  'a training plan of another region': training({ trainingPlanArn: plan.replace('us-east-1', 'us-west-2') }),
  'a training plan with spot instances': training({ spot: true, trainingPlanArn: plan }),
  'a training plan of a type that plans do not reserve': training(
    { instanceType: 'ml.g6e.48xlarge', instanceCount: 1, recipe: { method: 'lora' }, trainingPlanArn: plan },
    small,
  ),
  'spot instances without a checkpoint': training({ spot: true, recipe: { method: 'full', maxSteps: 20 } }),
  'rows longer than the model’s window': training({ recipe: { method: 'full', blockSize: 65_536 } }),
  'a batch that the GPUs cannot share': training({ recipe: { method: 'full', batchSize: 24 } }),
  'an adapter on layers that do not exist': training({ recipe: { method: 'lora', loraTargets: 'q_proj,query' } }),
  'a base of the hub without a commit': training({ base: { kind: 'hub', id: 'Qwen/Qwen2.5-32B-Instruct' } }),
  'a base of the hub that needs a token': training(
    { base: undefined },
    { source: { kind: 'hub', id: 'meta-llama/Llama-3.1-8B', revision: commit, tokenSecretName: 'hub-token' } },
  ),
  'a base that is quantized': training({ base: undefined }, { vllm: { tensorParallel: 2, quantization: 'awq' } }),
  'a served quantization that trained weights do not have': training(
    {},
    { vllm: { tensorParallel: 2, quantization: 'gptq' } },
  ),
  'a base that is one object': training({ base: { kind: 's3', uri: 's3://weights/qwen.tar.gz' } }),
  'a training image of the public gallery': training({ image: { uri: 'public.ecr.aws/pytorch/pytorch:2.13' } }),
  'a secret in the environment of a training': training({ environment: { WANDB_API_KEY: 'local-0123456789abcdef' } }),
  'a training without a route to the hub': training(
    { base: { kind: 'hub', id: 'Qwen/Qwen2.5-32B-Instruct', revision: commit }, network: 'endpoint' },
    {},
    isolated,
  ),
  'a training without a route to a package index': training({ network: 'endpoint' }, {}, isolated),
  'an evaluation without room for a further copy': training(
    { evaluation: { questions: 's3://weights/questions.jsonl' } },
    { copies: { initial: 4, min: 4, max: 4 } },
    { endpoint: { instanceType: 'ml.p5.48xlarge' } },
  ),
  'questions at a budget that fills the window': training({
    evaluation: { questions: 's3://weights/questions.jsonl', budgets: [2_048, 32_000] },
  }),
  'questions in the bucket of an example': training({
    evaluation: { questions: 's3://amzn-s3-demo-bucket/questions.jsonl' },
  }),
  'a wait between copies of more than an hour': training({ bakeSeconds: 7_200 }),
  'a rule over accuracy that nobody measures': training({ approval: { maxLossPoints: 1 } }),
  'a training of a model that does not exist': training({ model: 's1-33b' }),
  'a training of one of two models': training(
    {},
    {},
    {
      models: [
        aModel({ architecture: 'qwen2.5-32b', copies: { max: 1 } }),
        aModel({ id: 'other', copies: { max: 1 } }),
      ],
    },
  ),
};

/** Those that the context cannot allow. */
export const finalTrainings: readonly string[] = [
  'a rule over accuracy that nobody measures',
  'a training of a model that does not exist',
  'a training of one of two models',
];
