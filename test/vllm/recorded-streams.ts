import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** Calls of a real vLLM with their responses, byte for byte. `npm run check:vllm -- --record` writes them. */
export const recordedStreamsSchema = z.strictObject({
  /** Version of vLLM that gave the responses. */
  vllm: z.string(),
  recorded: z.iso.date(),
  calls: z.array(
    z.strictObject({ name: z.string(), request: z.looseObject({}), status: z.int(), response: z.string() }),
  ),
});
export type RecordedStreams = z.infer<typeof recordedStreamsSchema>;

export const recordedStreamsFile = fileURLToPath(new URL('fixtures/recorded-streams.json', import.meta.url));

export async function readRecordedStreams(): Promise<RecordedStreams> {
  return recordedStreamsSchema.parse(JSON.parse(await readFile(recordedStreamsFile, 'utf8')));
}
