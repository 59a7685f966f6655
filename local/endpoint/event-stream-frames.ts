import { EventStreamCodec, type MessageHeaders } from '@smithy/core/event-streams';

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')),
  (text) => Buffer.from(text, 'utf8'),
);

/**
 * Encodes frames of `application/vnd.amazon.eventstream` with checksums, as SageMaker Runtime sends them.
 *
 * Source: https://smithy.io/2.0/aws/amazon-eventstream.html
 */
export function payloadPart(bytes: Uint8Array): Uint8Array {
  return frame(
    { ':message-type': 'event', ':event-type': 'PayloadPart', ':content-type': 'application/octet-stream' },
    bytes,
  );
}

export function modelStreamError(
  errorCode: 'ModelInvocationTimeExceeded' | 'StreamBroken',
  message: string,
): Uint8Array {
  return exception('ModelStreamError', { Message: message, ErrorCode: errorCode });
}

export function internalStreamFailure(message: string): Uint8Array {
  return exception('InternalStreamFailure', { Message: message });
}

/** An exception that the service model does not have. */
export function unknownException(message: string): Uint8Array {
  return exception('ModelShardLostException', { Message: message });
}

/** Flips one bit of a frame, prelude and checksums included. */
export function withFlippedBit(whole: Uint8Array, bit: number): Uint8Array {
  const bytes = Uint8Array.from(whole);
  const at = Math.floor(bit / 8) % bytes.length;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8));
  return bytes;
}

/** Flips one bit in the payload of a frame, so that its checksum does not match. */
export function corrupted(whole: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(whole);
  const at = bytes.length - 5;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

function exception(type: string, body: Readonly<Record<string, string>>): Uint8Array {
  return frame(
    { ':message-type': 'exception', ':exception-type': type, ':content-type': 'application/json' },
    Buffer.from(JSON.stringify(body), 'utf8'),
  );
}

function frame(headers: Readonly<Record<string, string>>, body: Uint8Array): Uint8Array {
  const typed: MessageHeaders = {};
  for (const [name, value] of Object.entries(headers)) typed[name] = { type: 'string', value };
  return codec.encode({ headers: typed, body });
}
