import { groupDigits } from '../facts/group-digits.ts';
import { checkpointsActivations, holdsReference, type TrainingMemory } from './memory.ts';
import { type Recipe, recipeDefaults } from './recipe.ts';

/** Writes out the whole calculation of a GPU's memory in training, so that a reader can repeat it. Its parts are separated by "; ". */
export function trainingMemoryInWords(recipe: Recipe, memory: TrainingMemory): string {
  const { weights, shards, tokens } = memory;
  const lora = recipe.method === 'lora';
  const shared = shards > 1 ? `, shared by ${shards} GPUs` : '';
  const kept = checkpointsActivations(recipe)
    ? 'the input of each layer, the rest is computed again'
    : 'all, since activationCheckpointing is "off"';
  return [
    `each GPU has ${gib(memory.total)} GiB, of which tensors can fill 95 %: ${gib(memory.usable)} GiB`,
    lora
      ? `${billions(weights.all)} frozen weights × 2 bytes and ${millions(weights.trained)} of the adapter × 16 bytes (fp32 weight, gradient, Adam's moments)${shared} take ${gib(memory.states)} GiB`
      : `${billions(weights.all)} weights × 16 bytes (fp32 weight, gradient, Adam's moments)${holdsReference(recipe) ? ', and × 4 bytes of the model before the training' : ''}${shared} take ${gib(memory.states)} GiB`,
    `16-bit copies of what is in work take ${gib(memory.gathered)} GiB`,
    `activations of ${groupDigits(tokens)} tokens take ${gib(tokens * memory.keptPerToken)} GiB kept (${kept}) and ${gib(tokens * memory.layerPerToken)} GiB for the layer in work`,
    ...(memory.logitsPerToken === 0
      ? []
      : [
          `logits of the vocabulary take ${gib(tokens * memory.logitsPerToken)} GiB${recipe.task === 'grpo' ? '' : `, since a row of ${recipe.task} is two sequences`}`,
        ]),
    ...samplingInWords(recipe, memory),
    `CUDA and NCCL take about ${gib(memory.runtime)} GiB`,
    `together ${gib(memory.needed)} GiB`,
  ].join('; ');
}

/** Sampling is another moment: its cache counts only if it is more than what a step's training keeps. */
function samplingInWords({ blockSize = recipeDefaults.blockSize }: Recipe, memory: TrainingMemory): readonly string[] {
  if (memory.sampling === undefined) return [];
  const { answers, cachePerToken } = memory.sampling;
  const bytes = answers * blockSize * cachePerToken;
  const { keptPerToken, layerPerToken, logitsPerToken } = memory;
  const more = bytes - memory.tokens * (keptPerToken + layerPerToken + logitsPerToken);
  const what = `${answers} answers are sampled at a time on each GPU, and their cache needs ${gib(bytes)} GiB instead of activations and logits`;
  return [more > 0 ? `${what}, and about ${gib(more)} GiB more` : `${what}, which is less`];
}

function gib(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}

function billions(count: number): string {
  return `${(count / 1e9).toFixed(1)} billion`;
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(1)} million`;
}
