/** S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const MAX_PARTS = 10_000;
const MIB = 1 << 20;
export const USUAL_PART_BYTES = 32 * MIB;

/** Bytes of each part of a file but the last. A function of the size alone, so that an interrupted upload has the same parts. */
export function partBytesOf(fileBytes: number, usual = USUAL_PART_BYTES): number {
  return Math.max(usual, Math.ceil(fileBytes / MAX_PARTS / MIB) * MIB);
}

/** Cuts a stream into parts of `bytes`; the last one may be shorter. An empty stream has one empty part. */
export async function* cutIntoParts(stream: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Buffer> {
  let chunks: Uint8Array[] = [];
  let length = 0;
  let any = false;
  for await (let chunk of stream) {
    while (length + chunk.length >= bytes) {
      const rest = bytes - length;
      yield Buffer.concat([...chunks, chunk.subarray(0, rest)], bytes);
      any = true;
      chunk = chunk.subarray(rest);
      chunks = [];
      length = 0;
    }
    if (chunk.length > 0) {
      chunks.push(chunk);
      length += chunk.length;
    }
  }
  if (length > 0 || !any) yield Buffer.concat(chunks, length);
}
