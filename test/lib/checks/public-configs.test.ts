import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, addStages, aModel, anApp } from '../synthesize.ts';

/** A wrong config of a public issue, or of the page that an issue cites. */
interface PublicConfig {
  readonly wrong: string;
  readonly source: string;
  readonly config: unknown;
  /** The field and its value, why, and what to write instead. */
  readonly sentence: RegExp;
}

const p5 = (changes: Partial<NonNullable<ConfigInput['endpoint']>>) =>
  aConfig({ endpoint: { instanceType: 'ml.p5.48xlarge', ...changes } });
const model = (changes: Parameters<typeof aModel>[0]) => aConfig({ models: [aModel(changes)] });
const flags = (values: Record<string, string | number | boolean>, image?: 'server-sagemaker-cuda-v2.3') =>
  model({ vllm: { tensorParallel: 2, flags: values }, ...(image !== undefined && { image }) });
const schedule = (expression: string, timezone?: string) =>
  model({ scaling: { schedule: [{ name: 'work', schedule: expression, timezone, min: 1, max: 4 }] } });
const network = (subnetIds: readonly string[], securityGroupIds: readonly string[]) =>
  p5({ network: { kind: 'existing', subnetIds: [...subnetIds], securityGroupIds: [...securityGroupIds] } });

const subnets = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
const argumentsOfTheImage = 'https://github.com/aws/deep-learning-containers/pull/6564';
const schedulePage =
  'https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html';
const typesOfRegions = 'https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schemas.html';

const configs: readonly PublicConfig[] = [
  {
    wrong: 'a schedule with * in one and a value in the other field of days',
    source: 'https://github.com/aws/aws-cdk/issues/1181',
    config: schedule('cron(15 0 * * MON-FRI *)'),
    sentence: /"work" of s1-32b, cron\(15 0 \* \* MON-FRI \*\) .*: write "cron\(15 0 \? \* MON-FRI \*\)"/,
  },
  {
    wrong: 'five fields inside cron()',
    source: 'https://github.com/aws/aws-cdk/issues/1181',
    config: schedule('cron(0 18 * * ?)'),
    sentence: /cron\(0 18 \* \* \?\) has 5 fields.*: write "cron\(/,
  },
  {
    wrong: 'a bare crontab line',
    source: 'https://github.com/aws/aws-cdk/issues/6053',
    config: schedule('50 5 * * *'),
    sentence: /scaling\.schedule "work".*50 5 \* \* \*.*write/,
  },
  {
    wrong: 'a plural unit for one hour',
    source: schedulePage,
    config: schedule('rate(1 hours)'),
    sentence: /rate\(1 hours\).*write "rate\(1 hour\)"/,
  },
  {
    wrong: 'a zone suffix in at()',
    source: schedulePage,
    config: schedule('at(2027-01-01T07:00:00Z)'),
    sentence: /at\(2027-01-01T07:00:00Z\).*write "at\(2027-01-01T07:00:00\)"/,
  },
  {
    wrong: 'an offset as time zone',
    source: schedulePage,
    config: schedule('cron(0 7 ? * MON-FRI *)', 'UTC+1'),
    sentence: /"UTC\+1" is .*: write .*"(Europe\/Berlin|Etc\/GMT-1)"/,
  },
  {
    wrong: 'a streamed request of more than 15 minutes',
    source: 'https://github.com/hashicorp/terraform-provider-aws/issues/45472',
    config: aConfig({ api: { requestSeconds: 901 } }),
    sentence: /requestSeconds is 901, but AWS accepts 1 to 900 seconds: write 900 or less/,
  },
  {
    wrong: 'no security group',
    source: 'https://github.com/aws-samples/aws-genai-llm-chatbot/issues/512',
    config: network(subnets, []),
    sentence: /number of security groups is 0, but AWS accepts 1 to 5 security groups: write 1 or more/,
  },
  {
    wrong: 'one subnet',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html',
    config: network(subnets.slice(0, 1), ['sg-0123456789abcdef0']),
    sentence:
      /network\.subnetIds has one subnet \(subnet-0123456789abcdef0\), but .*: write a second subnet in another zone/,
  },
  {
    wrong: 'an image of CUDA 12.9 on the AMI of CUDA 13',
    source: 'https://github.com/aws/deep-learning-containers/pull/6187',
    config: aConfig({
      endpoint: {
        instanceType: 'ml.p5.48xlarge',
        inferenceAmiVersion: 'al2023-ami-sagemaker-inference-gpu-4-1',
      },
      models: [aModel({ image: 'server-sagemaker-cuda-v1.4' })],
    }),
    sentence: /driver 580, but CUDA 12\.9 .*: write inferenceAmiVersion "al2-ami-sagemaker-inference-gpu-3-1"/,
  },
  {
    wrong: 'an image without SageMaker’s entrypoint, from Docker Hub',
    source: 'https://github.com/aws-samples/comfyui-on-amazon-sagemaker/issues/2',
    config: model({ image: { uri: 'vllm/vllm-openai:v0.27.0', cuda: 13 } }),
    sentence: /image "vllm\/vllm-openai:v0\.27\.0" is not in a private ECR .*: write "<account>\.dkr\.ecr\.us-east-1/,
  },
  {
    wrong: 'an image tag that AWS never published',
    source: 'https://github.com/aws/deep-learning-containers/pull/6661',
    config: { ...model({}), models: [{ ...aModel(), image: 'server-sagemaker-cuda-v2' }] },
    sentence:
      /one of the tags "server-sagemaker-cuda-v2\.6" \(vLLM 0\.30\.0, CUDA 13\.0\), .*"server-sagemaker-cuda-v2"/,
  },
  {
    wrong: 'a server on another port than the health check calls',
    source: 'https://github.com/aws/amazon-sagemaker-examples/issues/1113',
    config: model({ environment: { SM_VLLM_PORT: '8000' } }),
    sentence: /environment of s1-32b has SM_VLLM_PORT, but .*port 8080.*: leave it out/,
  },
  {
    wrong: 'a server on the loopback address only',
    source: 'https://github.com/aws/amazon-sagemaker-examples/issues/1113',
    config: flags({ host: '127.0.0.1' }),
    sentence: /vllm\.flags of s1-32b has "host", but .*health check would never pass: leave it out/,
  },
  {
    wrong: 'adapters as a JSON array in a variable',
    source: argumentsOfTheImage,
    config: model({ environment: { SM_VLLM_LORA_MODULES: '[{"name":"a","path":"b"},{"name":"c","path":"d"}]' } }),
    sentence: /has SM_VLLM_LORA_MODULES, but .*: write models\[\]\.adapters/,
  },
  {
    wrong: 'the hub’s token as an argument of the server',
    source: 'https://github.com/aws/deep-learning-containers/commit/8de1f79ee3',
    config: model({ environment: { SM_VLLM_HF_TOKEN: 'hf_abcdefghijklmnopqrstuvwxyz' } }),
    sentence: /environment\.SM_VLLM_HF_TOKEN of s1-32b has the shape of a secret .*: write source\.tokenSecretName/,
  },
  {
    wrong: 'a key of the server, which SageMaker does not pass on',
    source: argumentsOfTheImage,
    config: model({ environment: { SM_VLLM_API_KEY: 'secret' } }),
    sentence: /has SM_VLLM_API_KEY, but .*401: leave it out; api\.apiKey protects the API/,
  },
  {
    wrong: 'a flag with its dashes',
    source: argumentsOfTheImage,
    config: flags({ '--max-num-batched-tokens': 8_192 }),
    sentence:
      /has "--max-num-batched-tokens", but .*"----max-num-batched-tokens" and not start: write "max-num-batched-tokens"/,
  },
  {
    wrong: 'expert parallelism over GPUs that do not divide the experts',
    source: 'https://github.com/vllm-project/vllm/issues/52435',
    config: flags({ '--enable-expert-parallel': true }),
    sentence: /has "--enable-expert-parallel", but .*: leave it out; vllm\.tensorParallel is the number of GPUs/,
  },
  {
    wrong: 'GPUs that do not divide the attention heads',
    source: 'https://github.com/vllm-project/vllm/issues/414',
    config: aConfig({
      models: [aModel({ architecture: 'qwen2.5-7b', vllm: { tensorParallel: 8 }, copies: { max: 1 } })],
    }),
    sentence: /tensorParallel.* 8.*28.*write/,
  },
  {
    wrong: 'a window by a flag',
    source: argumentsOfTheImage,
    config: flags({ 'max-model-len': 131_072 }),
    sentence: /has "max-model-len", but budgets .*: write vllm\.contextTokens/,
  },
  {
    wrong: 'parallelism of another image’s variable',
    source: 'https://github.com/aws/deep-learning-containers/blob/main/docs/vllm/configuration.md',
    config: model({ environment: { OPTION_TENSOR_PARALLEL_DEGREE: '4' } }),
    sentence: /has OPTION_TENSOR_PARALLEL_DEGREE, but its image reads SM_VLLM_… and ignores OPTION_…: write the flag/,
  },
  {
    wrong: 'a bucket without a prefix',
    source: 'https://github.com/aws/sagemaker-python-sdk/issues/2776',
    config: model({ source: { kind: 's3', uri: 's3://weights' } }),
    sentence: /source\.uri of s1-32b is "s3:\/\/weights", which does not end in "\/".*: write "s3:\/\/weights\/"/,
  },
  {
    wrong: 'a URI in upper case',
    source: 'https://github.com/aws/aws-sdk-go-v2/issues/1440',
    config: model({ source: { kind: 's3', uri: 'S3://weights/s1-32b/' } }),
    sentence: /Expected a URI in lower case: s3:\/\/bucket\/prefix\//,
  },
  {
    wrong: 'a placeholder in place of a bucket',
    source: 'https://github.com/aws/amazon-sagemaker-examples/issues/2321',
    config: model({ source: { kind: 's3', uri: 's3://<< YOUR S3 BUCKET NAME >>/s1-32b/' } }),
    sentence: /"<< YOUR S3 BUCKET NAME >>" cannot be the name of a bucket .*: write "s3:\/\/<bucket>\/<prefix>\/"/,
  },
  {
    wrong: 'the bucket of AWS’s documentation',
    source: 'https://github.com/aws/amazon-sagemaker-examples/issues/2321',
    config: model({ source: { kind: 's3', uri: 's3://amzn-s3-demo-bucket/s1-32b/' } }),
    sentence: /"amzn-s3-demo-bucket" is the bucket of an example, .*: write a bucket of your account/,
  },
  {
    wrong: 'variables of more than 32 KB',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html',
    config: model({
      environment: Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`VLLM_${index}`, 'x'.repeat(1_000)])),
    }),
    sentence:
      /size of the environment variables of s1-32b is 40,\d+, but AWS accepts 0 to 32,768 bytes: write 32768 or less/,
  },
  {
    wrong: 'a variable with a dash in its name',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html',
    config: model({ environment: { 'VLLM-LOGGING-LEVEL': 'DEBUG' } }),
    sentence: /has "VLLM-LOGGING-LEVEL", but SageMaker accepts .*: write "VLLM_LOGGING_LEVEL"/,
  },
  {
    wrong: 'more host memory than an instance has',
    source: 'https://github.com/aws/sagemaker-python-sdk/pull/5558',
    config: model({ memoryMib: 2_200_000 }),
    sentence: /memoryMib of s1-32b is 2,200,000, but ml\.p5\.48xlarge has 2,097,152 MiB.*: write 1048576 or less/,
  },
  {
    wrong: 'an instance type without GPUs',
    source: 'https://github.com/kubeflow/pipelines/pull/9243',
    config: p5({ instanceType: 'ml.m4.xlarge' }),
    sentence: /instanceType "ml\.m4\.xlarge" is not one of the GPU types .*: write /,
  },
  {
    wrong: 'a key for volumes of an instance with NVMe disks',
    source: 'https://github.com/aws/sagemaker-python-sdk/issues/3677',
    config: p5({ kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/k' }),
    sentence: /kmsKeyArn is set, but ml\.p5\.48xlarge .*: leave kmsKeyArn out/,
  },
  ...['us-west-1', 'eu-west-3', 'eu-central-2', 'ap-northeast-3', 'me-central-1', 'il-central-1'].map((region) => ({
    wrong: `the region ${region}`,
    source: typesOfRegions,
    config: aConfig({ region }),
    sentence: new RegExp(
      `region "${region}" lacks .*InferenceComponent.*: write one of the regions [a-z-]+-\\d, .*upstream`,
    ),
  })),
];

describe('a wrong config of a public issue', () => {
  it.each(configs)('$wrong is refused ($source)', ({ config, sentence }) => {
    // Parsed by addStages, so a config that the schema would not take is a test of the schema's sentence.
    expect(() => addStages(anApp(), config as ConfigInput)).toThrow(sentence);
  });

  it('no refusal prints a secret', () => {
    const environment = { HF_TOKEN: 'hf_abcdefghijklmnopqrstuvwxyz', GITHUB: 'ghp_abcdefghijklmnopqrstuvwxyz' };
    const run = () => addStages(anApp(), model({ environment }));
    expect(run).toThrow(/environment\.HF_TOKEN .*\n.*environment\.GITHUB/);
    expect(run).not.toThrow(/abcdefghij/);
  });

  it.each([
    ['a dynamic reference', { HF_TOKEN: '{{resolve:secretsmanager:hub-token}}' }],
    ['a limit in tokens', { VLLM_MAX_TOKENS: '8192', TOKENIZERS_PARALLELISM: 'false' }],
    ['an argument that no field has', { SM_VLLM_MAX_NUM_BATCHED_TOKENS: '8192' }],
    ['a switch of a name like a secret', { HF_HUB_DISABLE_IMPLICIT_TOKEN: 'true' }],
  ])('%s is accepted', (_, environment) => {
    expect(() => addStages(anApp(), model({ environment }))).not.toThrow();
  });
});
