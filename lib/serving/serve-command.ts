/** Where SageMaker mounts the weights of a model from S3, and the port of its containers. */
const MOUNTED_WEIGHTS = '/opt/ml/model';
const CONTAINER_PORT = 8080;

/** Prefix of the variables that AWS's vLLM image turns into flags. */
const PREFIX = 'SM_VLLM_';

/** A container as it is deployed, to be started on another machine. */
export interface ServedContainer {
  /** Environment variables of the deployed container, without secrets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables whose values are secrets: the commands take them from the shell. */
  readonly secretNames: readonly string[];
  /** Folder with the weights on that machine. `undefined` if the container downloads them from the hub. */
  readonly weightsFolder: string | undefined;
  readonly port: number;
}

/**
 * Arguments of `vllm` that AWS's vLLM image makes of its environment: `SM_VLLM_X_Y=v` becomes `--x-y v`, `true` a bare flag, and
 * `false` is ignored. https://aws.github.io/deep-learning-containers/vllm/configuration/
 *
 * @param model folder or hub id of the weights. @default the hub id of the environment, else the folder that SageMaker mounts
 */
export function serveArguments(environment: Readonly<Record<string, string>>, model?: string): readonly string[] {
  const flags = Object.entries(environment).flatMap(([name, value]) => {
    if (!name.startsWith(PREFIX) || name === `${PREFIX}MODEL` || value === 'false') return [];
    const flag = `--${name.slice(PREFIX.length).toLowerCase().replaceAll('_', '-')}`;
    return value === 'true' ? [flag] : [flag, value];
  });
  return ['serve', model ?? environment[`${PREFIX}MODEL`] ?? MOUNTED_WEIGHTS, ...flags];
}

/** `docker run` of the deployed image with the deployed environment. */
export function dockerCommand(image: string, gpus: number, container: ServedContainer): string {
  const { environment, secretNames, weightsFolder, port } = container;
  return multiline([
    `docker run --rm --gpus ${gpus} --ipc host`,
    `-p ${port}:${CONTAINER_PORT}`,
    ...(weightsFolder === undefined ? [] : [`-v ${quoted(weightsFolder)}:${MOUNTED_WEIGHTS}:ro`]),
    ...secretNames.map((name) => `-e ${name}`),
    ...Object.entries(environment).map(([name, value]) => `-e ${quoted(`${name}=${value}`)}`),
    quoted(image),
  ]);
}

/**
 * `vllm serve` with the flags that the image makes of the environment, for a machine where vLLM is installed without a container.
 * Variables that vLLM itself reads are set in front.
 */
export function vllmCommand({ environment, secretNames, weightsFolder, port }: ServedContainer): string {
  const [serve = 'serve', model = MOUNTED_WEIGHTS, ...flags] = serveArguments(environment, weightsFolder);
  const variables = Object.entries(environment).filter(([name]) => name.startsWith('VLLM_'));
  return multiline([
    [
      ...secretNames.map((name) => `${name}="$${name}"`),
      ...variables.map(([name, value]) => `${name}=${quoted(value)}`),
      `vllm ${serve} ${quoted(model)}`,
    ].join(' '),
    ...pairs(flags),
    `--port ${port}`,
  ]);
}

/** A flag and its value on one line. */
function pairs(flags: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const flag of flags) {
    const last = lines.at(-1);
    if (flag.startsWith('--') || last === undefined) lines.push(flag);
    else lines[lines.length - 1] = `${last} ${quoted(flag)}`;
  }
  return lines;
}

function multiline(parts: readonly string[]): string {
  return parts.join(' \\\n  ');
}

/** Quotes a word for a POSIX shell, if it needs quotes. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
