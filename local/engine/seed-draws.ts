type Resolve = (options: object) => object;

/** Sets the seeds of a sequence's next draws. `undefined`: the options of the evaluation decide. */
export type SetSeeds = (next: (() => number) | undefined) => void;

/**
 * Gives each draw of a sequence its own seed. node-llama-cpp takes one seed for a whole evaluation, but resolves the sampler's
 * configuration for each token, and makes a new random generator if its seed changed. The version of node-llama-cpp is pinned, and
 * tests cover this.
 */
export function seedDraws(sequence: object): SetSeeds {
  const resolve: unknown = Reflect.get(sequence, '_resolveSamplerConfig');
  if (!isResolve(resolve)) throw new Error('This version of node-llama-cpp has no _resolveSamplerConfig.');
  const original = resolve.bind(sequence);
  let nextSeed: (() => number) | undefined;
  Reflect.set(sequence, '_resolveSamplerConfig', (options: object) => {
    const config = original(options);
    return nextSeed === undefined ? config : { ...config, seed: nextSeed() };
  });
  return (next) => {
    nextSeed = next;
  };
}

function isResolve(value: unknown): value is Resolve {
  return typeof value === 'function';
}
