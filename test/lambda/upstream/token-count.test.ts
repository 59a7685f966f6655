import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamBrokenError } from '../../../lambda/upstream/errors.ts';
import { readCompletionStream } from '../../../lambda/upstream/read-completion-stream.ts';
import type { SegmentChunk } from '../../../lambda/upstream/segment-model.ts';

/** A stream of eight chunks with one token each, the last with a finish reason, then the usage of the call. */
function frames({ continuous }: { readonly continuous: boolean }): readonly string[] {
  const usage = (tokens: number) => ({ prompt_tokens: 2, completion_tokens: tokens, total_tokens: 2 + tokens });
  const chunks = Array.from({ length: 8 }, (_, index) => ({
    choices: [{ text: String(index), token_ids: [index], finish_reason: index === 7 ? 'length' : null }],
    ...(continuous ? { usage: usage(index + 1) } : {}),
  }));
  return [...chunks, { choices: [], usage: usage(8) }].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
}

async function read(parts: readonly string[]): Promise<{ ids: number[]; chunks: SegmentChunk[]; error: unknown }> {
  const chunks: SegmentChunk[] = [];
  let error: unknown;
  try {
    for await (const chunk of readCompletionStream(bytesOf([...parts, 'data: [DONE]\n\n']))) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { ids: chunks.flatMap(({ tokenIds }) => tokenIds), chunks, error };
}

async function* bytesOf(parts: readonly string[]) {
  for (const part of parts) yield Buffer.from(part);
}

describe('chunks of a server that counts in each chunk', () => {
  it('a chunk that comes twice, at once or later, is used once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(7), fc.nat(7), async (which, later) => {
        const whole = frames({ continuous: true });
        const doubled = whole.toSpliced(Math.max(which + 1, later), 0, whole[which] ?? '');
        const { ids, error } = await read(doubled);
        expect({ ids, error }).toEqual({ ids: [0, 1, 2, 3, 4, 5, 6, 7], error: undefined });
      }),
    );
  });

  it.each([0, 3, 6, 7])('the loss of chunk %i is an error before the chunk after it is used', async (lost) => {
    const { ids, error } = await read(frames({ continuous: true }).toSpliced(lost, 1));
    expect(error).toBeInstanceOf(StreamBrokenError);
    expect(ids).toEqual([0, 1, 2, 3, 4, 5, 6, 7].slice(0, lost));
  });
});

describe('chunks of a server that counts only at the end', () => {
  it.each([
    ['lost', 1],
    ['doubled', -1],
  ])('a %s chunk leaves a last chunk with another count than arrived', async (_what, missing) => {
    const whole = frames({ continuous: false });
    const { ids, chunks } = await read(missing === 1 ? whole.toSpliced(3, 1) : whole.toSpliced(3, 0, whole[3] ?? ''));
    expect(chunks.at(-1)).toMatchObject({ finishReason: 'length', reportedTokens: ids.length + missing });
  });
});
