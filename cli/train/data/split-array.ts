const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\,[]{}'].map((c) => c.charCodeAt(0));

/**
 * Splits the bytes of a JSON array into the bytes of its elements, without parsing them.
 *
 * @throws {SyntaxError} if the bytes are no array, or end before it does
 */
export async function* splitArray(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let state: 'before' | 'inside' | 'after' = 'before';
  let elements = 0;
  let element: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (state !== 'inside') {
        if (isSpace(byte)) continue;
        if (state === 'after') throw new SyntaxError('something follows the array');
        if (byte !== OPEN) throw new SyntaxError('it does not begin with [');
        state = 'inside';
        from = at + 1;
      } else if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN || byte === OPEN_OBJECT) depth++;
      else if (depth > 0 && (byte === CLOSE || byte === CLOSE_OBJECT)) depth--;
      else if (depth === 0 && (byte === COMMA || byte === CLOSE)) {
        const whole = Buffer.concat([...element, chunk.subarray(from, at)]);
        element = [];
        from = at + 1;
        // An empty array has no element before its end.
        if (byte === COMMA || elements > 0 || !isBlank(whole)) {
          elements++;
          yield whole;
        }
        if (byte === CLOSE) state = 'after';
      }
    }
    if (state === 'inside') element.push(chunk.subarray(from));
  }
  if (state === 'before') throw new SyntaxError('it is empty');
  if (state === 'inside') throw new SyntaxError('its end is missing');
}

/** White space of JSON, or a byte of UTF-8's byte order mark. */
function isSpace(byte: number): boolean {
  return [0x20, 0x0a, 0x0d, 0x09, 0xef, 0xbb, 0xbf].includes(byte);
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every(isSpace);
}
