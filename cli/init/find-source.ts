import type { ModelConfigInput } from '../../lib/config.ts';
import { UsageError } from '../usage-error.ts';
import { hubFiles } from '../weights/hub-files.ts';

const COMMIT = /^[0-9a-f]{40}$/;

/**
 * Turns what stands in `--source` into the source of a config. A branch or tag of the hub becomes the commit that it has now.
 *
 * @param text `s3://bucket/prefix/`, or `owner/name` of the hub, if need be with `@` and a branch, tag or commit
 * @throws {UsageError} if the text is neither, or the hub does not know the model or cannot be reached.
 */
export async function findSource(text: string): Promise<ModelConfigInput['source']> {
  if (text.startsWith('s3://')) {
    if (/^s3:\/\/[^/]+\/(?:.+\/)?$/.test(text)) return { kind: 's3', uri: text };
    throw new UsageError(
      `--source is ${JSON.stringify(text)}. The weights are uncompressed files under a prefix, which ends in a slash: s3://bucket/prefix/.`,
    );
  }
  const [, id, revision = 'main'] = /^([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/.exec(text) ?? [];
  if (id === undefined) {
    throw new UsageError(
      `--source is ${JSON.stringify(text)}. Give s3://bucket/prefix/, or OWNER/NAME@COMMIT of the Hugging Face hub.`,
    );
  }
  if (COMMIT.test(revision)) return { kind: 'hub', id, revision };
  try {
    return { kind: 'hub', id, revision: (await hubFiles(id, revision)).revision };
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw new UsageError(
      `${cause.message} Without the hub give a commit, --source ${id}@<40 letters>, or the place of the weights, --source s3://bucket/prefix/.`,
    );
  }
}
