import { limits } from '../facts/aws-limits.ts';
import { groupDigits } from '../facts/group-digits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';

/** Refuses environment variables that a model container cannot have. */
export function checkContainerEnvironment(
  modelId: string,
  environment: Readonly<Record<string, string>>,
): readonly (Refusal | undefined)[] {
  return [
    checkRange(
      'container-environment',
      `The number of environment variables of ${modelId}`,
      Object.keys(environment).length,
      limits.containerVariables,
    ),
    ...Object.entries(environment).map(([key, value]) =>
      checkRange(
        'container-environment',
        `The length of ${key} of ${modelId}`,
        value.length,
        limits.containerVariableLength,
      ),
    ),
    checkRange(
      'container-environment',
      `The size of the environment variables of ${modelId}`,
      Object.entries(environment).reduce((sum, entry) => sum + Buffer.byteLength(entry.join('')), 0),
      limits.containerVariablesBytes,
    ),
  ];
}

/**
 * Refuses environment variables that exceed Lambda's total size.
 *
 * @param bytes names and values of all variables together
 */
export function checkFunctionEnvironment(bytes: number): Refusal | undefined {
  const { max, source } = limits.functionEnvironmentBytes;
  if (bytes <= max) return undefined;
  return {
    code: 'settings-size',
    sentence: `The environment variables of the function take ${groupDigits(bytes)} bytes, but Lambda accepts ${groupDigits(max)} bytes in total. Only values that are unknown at synth are there: write names and ARNs as plain strings instead of references to other resources, or let models share a secret.`,
    source,
  };
}
