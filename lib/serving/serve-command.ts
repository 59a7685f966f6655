/** Where SageMaker mounts the weights of a model from S3. */
export const MOUNTED_WEIGHTS = '/opt/ml/model';

/** Prefix of the variables that AWS's vLLM image turns into flags. */
const PREFIX = 'SM_VLLM_';

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
