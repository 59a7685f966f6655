import { relative } from 'node:path';
import { ConfigError } from '../../lib/config.ts';
import { loadPrices } from '../../lib/facts/prices.ts';
import { defineCommand } from '../command.ts';
import { appFiles } from '../init/app-files.ts';
import { type Ask, byDefault, onTerminal } from '../init/ask.ts';
import { chooseHardware } from '../init/choose-hardware.ts';
import { findSource } from '../init/find-source.ts';
import { knownModels } from '../init/known-models.ts';
import { ownPackage, packInto } from '../init/own-package.ts';
import { parseNumber, parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import { checkFolder, writeFolder } from '../write-folder.ts';

const DEFAULT_FOLDER = 'reasoning-api';
const modelNames = Object.keys(knownModels);

/** `budgetforce init`. */
export const initCommand = defineCommand({
  name: 'init',
  description:
    'Writes a config and a CDK app for it into a new folder: the cheapest instance type that hosts the model at the traffic, copies from zero to twice the average, tests, and a README with the next steps. On a terminal it asks for what no option gives; elsewhere it takes the defaults. Needs no AWS account.',
  arguments: '[FOLDER]',
  options: {
    model: {
      type: 'string',
      placeholder: 'NAME',
      defaultText: modelNames[0] ?? '',
      description: `model that has the architecture and the format: ${modelNames.join(', ')}`,
    },
    source: {
      type: 'string',
      placeholder: 'SOURCE',
      defaultText: 'the model on the Hugging Face hub, at its newest commit',
      description:
        'where the weights are, also of your own fine-tune: s3://bucket/prefix/ or OWNER/NAME@COMMIT of the hub',
    },
    id: { type: 'string', placeholder: 'ID', defaultText: 'that of --model', description: 'name that clients write' },
    region: { type: 'string', placeholder: 'REGION', defaultText: 'us-east-1', description: 'AWS region' },
    gpu: {
      type: 'string',
      placeholder: 'GPU',
      defaultText: 'auto: the cheapest month',
      description: 'GPU (L4, L40S, H100, …) or instance type (ml.p5.4xlarge)',
    },
    'full-precision': { type: 'boolean', description: 'never convert weights to FP8' },
    'requests-per-day': { type: 'string', placeholder: 'N', defaultText: '1000', description: 'expected requests' },
    'thinking-tokens': {
      type: 'string',
      placeholder: 'N',
      default: '4000',
      description: 'thinking tokens of a usual request',
    },
    'max-seconds': {
      type: 'string',
      placeholder: 'N',
      default: '180',
      description: 'longest time of a usual request from its first token to its last',
    },
    name: { type: 'string', placeholder: 'NAME', defaultText: 'that of the folder', description: 'name of the stage' },
    package: {
      type: 'string',
      placeholder: 'SPEC',
      defaultText: 'this version; from a clone, an archive of it',
      description: 'what npm installs as budgetforce',
    },
    yes: { type: 'boolean', description: 'ask nothing' },
    json: { type: 'boolean', description: 'print what was chosen as one JSON line' },
  },
  exitCodes: ['written', 'nothing was written'],
  async run({ values, positionals }) {
    const [folder = DEFAULT_FOLDER, ...more] = positionals;
    if (more.length > 0) throw new UsageError('Give one folder: budgetforce init FOLDER.');
    checkFolder(folder);
    const asks = process.stdin.isTTY && values.yes !== true && values.json !== true;
    const answers = asks
      ? await onTerminal(async (ask) => await answersOf(values, ask))
      : await answersOf(values, byDefault);
    const model = toModel(answers.model, values.id, await findSource(answers.source));
    const name = values.name ?? stageName(folder);
    const chosen = withOptions(() =>
      chooseHardware(
        {
          name,
          region: answers.region,
          model,
          traffic: {
            requestsPerDay: parseWholeNumber('requests-per-day', answers.requestsPerDay, { min: 1, max: 1e9 }),
            promptTokens: 500,
            thinkingTokens: parseWholeNumber('thinking-tokens', values['thinking-tokens'], { min: 0, max: 1e6 }),
            answerTokens: 500,
            activeHours: 24,
          },
          gpu: answers.gpu,
          maxSeconds: parseNumber('max-seconds', values['max-seconds'], { min: 1, max: 86_400 }),
          fp8: values['full-precision'] !== true,
        },
        loadPrices(undefined),
      ),
    );
    const own = ownPackage();
    let files: readonly string[] = [];
    writeFolder(folder, (temporary) => {
      if (values.package === undefined && own.isClone) process.stderr.write('Packing this clone of budgetforce …\n');
      const packageSpec = values.package ?? (own.isClone ? `file:${packInto(temporary, own)}` : own.version);
      const written = appFiles({ ...chosen, packageSpec, versions: own.versions });
      files = [...written.keys()];
      return written;
    });
    const { instanceType, dollarsPerHour, dollarsPerMonth, secondsPerRequest } = chosen;
    const config = `config/${name}.json`;
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify({ folder, config, files, instanceType, dollarsPerHour, dollarsPerMonth: Math.round(dollarsPerMonth), secondsPerRequest: Math.round(secondsPerRequest) })}\n`
        : `${folder}: ${model.id} on ${instanceType}, $${dollarsPerHour} an hour while an instance runs, about $${Math.round(dollarsPerMonth).toLocaleString('en')} a month at this traffic; a usual request takes ${Math.round(secondsPerRequest)} s (estimates).\n\nNext:\n  cd ${relative('.', folder) || '.'}\n  npm install\n  npm test\n  npx budgetforce doctor ${config}\nThe README there has the rest.\n`,
    );
    return 0;
  },
});

/** Says of a wrong config that the options made it. */
function withOptions<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UsageError(error.message.replace(/^The config is wrong/, 'With these options the config would be wrong'));
  }
}

interface Answers {
  readonly model: string;
  readonly source: string;
  readonly region: string;
  readonly gpu: string;
  readonly requestsPerDay: string;
}

/** What the options say, or else a person. */
async function answersOf(values: Readonly<Record<string, string | boolean | undefined>>, ask: Ask): Promise<Answers> {
  const answer = async (option: string, text: string, byDefault: string): Promise<string> => {
    const given = values[option];
    return typeof given === 'string' ? given : await ask({ option, text, byDefault });
  };
  const model = await answer('model', `Model (${modelNames.join(', ')})`, modelNames[0] ?? '');
  const known = find(model);
  return {
    model,
    source: await answer(
      'source',
      'Weights (s3://bucket/prefix/, or OWNER/NAME@COMMIT of the Hugging Face hub)',
      known.revision === undefined ? known.hub : `${known.hub}@${known.revision}`,
    ),
    region: await answer('region', 'AWS region', 'us-east-1'),
    gpu: await answer('gpu', 'GPU or instance type (auto: the cheapest month)', 'auto'),
    requestsPerDay: await answer('requests-per-day', 'Requests a day', '1000'),
  };
}

function find(name: string) {
  const model = Object.hasOwn(knownModels, name) ? knownModels[name] : undefined;
  if (model !== undefined) return model;
  throw new UsageError(
    `--model is ${JSON.stringify(name)}. Give one of ${modelNames.join(', ')}; for a fine-tune of one of them, also --source. Other models: write a config by hand (docs/config.md).`,
  );
}

function toModel(name: string, id: string | undefined, source: Awaited<ReturnType<typeof findSource>>) {
  const { hub: _hub, revision: _revision, ...draft } = find(name);
  return { id: id ?? name, source, ...draft };
}

/** Name of a stage from that of a folder: lower-case letters, digits and dashes. */
function stageName(folder: string): string {
  const name = (
    folder
      .split(/[\\/]/)
      .filter((part) => part !== '')
      .at(-1) ?? ''
  )
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 40)
    .replace(/-$/, '');
  return name === '' ? DEFAULT_FOLDER : name;
}
