import type { Entry } from 'yauzl';
import { UnreadableDocumentError } from '../document.ts';
import { readLimits } from './read-limits.ts';

/**
 * Checks a ZIP file before anything of it is kept in memory: the sizes that it states, and then that each entry unpacks to the size it states.
 *
 * @throws {UnreadableDocumentError} if it is broken, encrypted, or unpacks to too much
 */
export async function checkZip(bytes: Uint8Array): Promise<void> {
  const { fromBufferPromise } = await import('yauzl');
  const zip = await fromBufferPromise(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
    lazyEntries: true,
    validateEntrySizes: true,
  });
  const entries: Entry[] = [];
  let unpacked = 0;
  for await (const entry of zip.eachEntry()) {
    unpacked += entry.uncompressedSize;
    if (entry.isEncrypted()) {
      throw new UnreadableDocumentError('is encrypted: remove the password, and upload it again');
    }
    if (unpacked > Math.min(readLimits.unpackedBytes, bytes.length * readLimits.unpackedRatio)) {
      throw new UnreadableDocumentError(
        `unpacks to more than ${readLimits.unpackedBytes / 1024 ** 2} MiB, or to more than ${readLimits.unpackedRatio} times its size: split it into several files`,
      );
    }
    entries.push(entry);
  }
  for (const entry of entries) {
    if (entry.uncompressedSize === 0 && entry.compressedSize === 0) continue;
    // Entries that unpack to more than they state make the stream fail.
    for await (const _ of await zip.openReadStreamPromise(entry));
  }
}
