import type { Server } from '../facts/images.ts';
import type { Refusal } from '../facts/refusal.ts';
import { argumentPrefix, foreignPrefix, reservedFlag, reservedVariable } from '../facts/reserved-flags.ts';
import { checkPlainSecret } from './check-secrets.ts';

const FLAGS_SOURCE = 'https://docs.vllm.ai/en/latest/configuration/engine_args.html';
const VARIABLES_SOURCE = 'https://aws.github.io/deep-learning-containers/vllm/configuration/';

/** Settings that a user passes to the server past the fields of a model. */
interface PassedSettings {
  readonly flags: Readonly<Record<string, string | number | boolean>>;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Refuses flags and variables that override what the function and the memory check rely on, that the image would ignore or
 * not understand, and secrets in plain text.
 */
export function checkPassedSettings(
  modelId: string,
  server: Server,
  { flags, environment }: PassedSettings,
): readonly (Refusal | undefined)[] {
  return [
    ...Object.entries(flags).flatMap(([flag, value]) => [
      checkFlag(modelId, flag),
      checkSampling(modelId, flag, String(value)),
      checkPlainSecret(modelId, `vllm.flags "${flag}"`, flag, String(value)),
    ]),
    ...Object.entries(environment).flatMap(([name, value]) => [
      checkVariable(modelId, server, name),
      checkPlainSecret(modelId, `environment.${name}`, name, value),
    ]),
  ];
}

function checkFlag(modelId: string, flag: string): Refusal | undefined {
  const name = flag.replace(/^-+/, '');
  const reserved = reservedFlag(name);
  if (reserved !== undefined) {
    return {
      code: 'reserved-flag',
      sentence: `vllm.flags of ${modelId} has "${flag}", but ${reserved.why}: ${reserved.instead}.`,
      source: FLAGS_SOURCE,
    };
  }
  if (flag === name) return undefined;
  return {
    code: 'flag-dashes',
    sentence: `vllm.flags of ${modelId} has "${flag}", but the image puts the dashes in front itself, so vLLM would receive "--${flag}" and not start: write "${name}".`,
    source: VARIABLES_SOURCE,
  };
}

/**
 * Refuses sampling defaults that bound every call: with a folder as `generation-config`, or with `max_new_tokens` in an override, vLLM takes the
 * smaller of that bound and of the request's `max_tokens`, so budgets above it would not be reached.
 */
function checkSampling(modelId: string, flag: string, value: string): Refusal | undefined {
  const name = flag.replaceAll('_', '-').replace(/^-+/, '');
  const bounds =
    (name === 'generation-config' && value !== 'auto' && value !== 'vllm') ||
    (name.startsWith('override-generation-config') && /max_(new_)?tokens/.test(name + value));
  if (!bounds) return undefined;
  return {
    code: 'sampling-bound',
    sentence: `vllm.flags of ${modelId} sets "${flag}" to ${value}, with which vLLM bounds every call, so budgets above the bound would not be reached: write generation-config "auto" or "vllm", and leave max_new_tokens out; thinking.maxTokens bounds thinking.`,
    source: FLAGS_SOURCE,
  };
}

function checkVariable(modelId: string, server: Server, name: string): Refusal | undefined {
  const source = VARIABLES_SOURCE;
  const own = argumentPrefix[server];
  const foreign = foreignPrefix(server, name);
  if (foreign !== undefined) {
    return {
      code: 'foreign-variable',
      sentence: `environment of ${modelId} has ${name}, but its image reads ${own}… and ignores ${foreign}…: write the flag "${flagOf(name, foreign)}" into vllm.flags, or an image that reads ${foreign}….`,
      source,
    };
  }
  const problem = name.startsWith(own) ? reservedFlag(flagOf(name, own)) : reservedVariable(name);
  if (problem !== undefined) {
    return {
      code: 'reserved-variable',
      sentence: `environment of ${modelId} has ${name}, but ${problem.why}: ${problem.instead}.`,
      source,
    };
  }
  if (/^[a-zA-Z_]\w*$/.test(name)) return undefined;
  return {
    code: 'variable-name',
    sentence: `environment of ${modelId} has "${name}", but SageMaker accepts only letters, digits and underscores in the name of a variable, and no digit first: write "${name.replaceAll(/\W/g, '_').replace(/^(?=\d)/, '_')}".`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html',
  };
}

/** Returns the flag of a variable: `SM_VLLM_MAX_MODEL_LEN` is `max-model-len`. */
function flagOf(variable: string, prefix: string): string {
  return variable.slice(prefix.length).toLowerCase().replaceAll('_', '-');
}
