/** A file of a model, and how to read it. */
export interface WeightFile {
  /** Path in the model's folder, with slashes. */
  readonly name: string;
  readonly bytes: number;
  /** Hash that the source publishes, in hex. `undefined` if it publishes none: the file is small, or on this machine. */
  readonly sha256: string | undefined;
  /** Reads the file from its start. */
  readonly open: (signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;
}

/** Files of a repository that no model server reads. */
const UNUSED = /(^|\/)(\.|original\/|consolidated\.)|\.(?:bin|pth|pt|h5|msgpack|onnx|gguf|ot|png|jpe?g|gif|svg|pdf)$/i;

/** The files that a model server reads, in a stable order: small ones first, so that a wrong layout shows at once. */
export function servedFiles(files: readonly WeightFile[]): readonly WeightFile[] {
  return files
    .filter(({ name }) => !UNUSED.test(name))
    .toSorted((a, b) => a.bytes - b.bytes || (a.name < b.name ? -1 : 1));
}

/** The files that every model in Hugging Face's layout has, and that are not there. */
export function missingFiles(names: readonly string[]): readonly string[] {
  const missing = ['config.json', 'tokenizer.json'].filter((name) => !names.includes(name));
  return names.some((name) => name.endsWith('.safetensors')) ? missing : [...missing, '*.safetensors'];
}

/** Returns what is missing from a model in Hugging Face's layout. `undefined` if nothing is. `index`: text of the index of shards. */
export function layoutProblem(names: readonly string[], index: string | undefined): string | undefined {
  const missing = missingFiles(names);
  if (missing.length > 0) return `it has no ${missing.join(', ')}`;
  if (index === undefined) return undefined;
  const shards = shardsOf(index);
  if (shards === undefined) return 'model.safetensors.index.json is not an index of shards';
  const lost = shards.filter((name) => !names.includes(name));
  return lost.length === 0
    ? undefined
    : `its index names ${lost.slice(0, 3).join(', ')}${lost.length > 3 ? ' …' : ''}, which it has not`;
}

function shardsOf(index: string): readonly string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(index);
    if (typeof parsed !== 'object' || parsed === null || !('weight_map' in parsed)) return undefined;
    const { weight_map: map } = parsed;
    return typeof map === 'object' && map !== null ? [...new Set(Object.values(map).map(String))] : undefined;
  } catch {
    return undefined;
  }
}
