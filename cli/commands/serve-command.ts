import { resolve } from 'node:path';
import { Token } from 'aws-cdk-lib';
import { hostedPart, loadConfig, type ModelConfig } from '../../lib/config.ts';
import { containerEnvironment } from '../../lib/endpoint/model-container.ts';
import { imageUri } from '../../lib/facts/image-registries.ts';
import { DEFAULT_VLLM_TAG } from '../../lib/facts/images.ts';
import { dockerCommand, type ServedContainer, vllmCommand } from '../../lib/serving/serve-command.ts';
import { servedWeights } from '../../lib/serving/served-weights.ts';
import { defineCommand } from '../command.ts';
import { parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';

/** `budgetforce serve-command`. */
export const serveCommandCommand = defineCommand({
  name: 'serve-command',
  description:
    'Prints the commands that start the model server of a config on this machine as it is deployed: docker run with the deployed image and environment, and vllm serve with the flags that the image makes of it. Needs no AWS account; the image is in a registry that requires `docker login`.',
  arguments: 'CONFIG.json',
  options: {
    model: { type: 'string', placeholder: 'ID', defaultText: 'the first one', description: 'model of the config' },
    weights: {
      type: 'string',
      placeholder: 'FOLDER',
      default: './weights',
      description: "folder with the weights in Hugging Face's layout, for a model whose source is S3",
    },
    port: { type: 'string', placeholder: 'NUMBER', default: '8080', description: 'port on this machine' },
  },
  note: 'Then: npx budgetforce start --container http://localhost:8080 --format NAME --tokenizer FILE',
  exitCodes: ['printed', 'the config cannot be read'],
  async run({ values, positionals }) {
    const [path, ...more] = positionals;
    if (path === undefined || more.length > 0) {
      throw new UsageError('serve-command takes one config, for instance config/s1-32b.json.');
    }
    const config = loadConfig(path);
    const hosted = hostedPart(config);
    if (hosted === undefined) {
      throw new UsageError(`${path} deploys no model server: its models run on servers that exist already.`);
    }
    const model = chosenModel(hosted.models, values.model);
    const port = parseWholeNumber('port', values.port, { min: 1, max: 65_535 });
    const container = (image: ModelConfig['image']) => servedContainer({ ...model, image }, values.weights, port);
    const image = imageUri(model.image, config.region);
    process.stdout.write(
      `# ${model.id}: the container as it is deployed\n${dockerCommand(image, model.vllm.tensorParallel, container(model.image))}\n\n` +
        `# ${model.id}: the same server without a container\n${vllmCommand(container(DEFAULT_VLLM_TAG))}\n`,
    );
    return 0;
  },
});

function chosenModel(models: readonly ModelConfig[], id: string | undefined): ModelConfig {
  const model = models.find((one) => id === undefined || one.id === id);
  if (model !== undefined) return model;
  throw new UsageError(
    `The config has no model ${JSON.stringify(id)}. Choose one of: ${models.map((one) => one.id).join(', ')}.`,
  );
}

function servedContainer(model: ModelConfig, weights: string, port: number): ServedContainer {
  const variables = Object.entries(containerEnvironment(model, servedWeights(model)));
  // A value that CloudFormation resolves at deployment is a secret.
  const secrets = variables.filter(([, value]) => Token.isUnresolved(value));
  return {
    environment: Object.fromEntries(variables.filter(([, value]) => !Token.isUnresolved(value))),
    secretNames: secrets.map(([name]) => name),
    weightsFolder: model.source.kind === 's3' ? resolve(weights) : undefined,
    port,
  };
}
