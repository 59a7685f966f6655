import type { Refusal } from '../facts/refusal.ts';

/** Refuses models and adapters whose components would have the same name. */
export function checkComponentNames(
  models: readonly { readonly id: string; readonly componentName: string }[],
): Refusal | undefined {
  const names = models.map(({ componentName }) => componentName);
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated === undefined) return undefined;
  const ids = models.filter(({ componentName }) => componentName === repeated).map(({ id }) => `"${id}"`);
  return {
    code: 'same-name',
    sentence: `The models ${ids.join(' and ')} would both be component "${repeated}", but component names are unique: write ids that differ in their letters and digits.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html',
  };
}
