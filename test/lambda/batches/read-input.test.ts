import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInput } from '../../../lambda/batches/read-input.ts';
import { ENDPOINT, inputLine } from './batch-world.ts';

const read = (...lines: readonly string[]) => readInput(Buffer.from(lines.join('\n')), ENDPOINT);

describe('readInput', () => {
  it('reads a request from each line, and leaves empty lines out', () => {
    const { lines, errors } = read(inputLine('a'), '', inputLine('b'), '  ', '');
    expect(errors).toEqual([]);
    expect(lines.map(({ customId }) => customId)).toEqual(['a', 'b']);
    expect(JSON.parse(lines[0]?.body ?? '')).toEqual({
      model: 'scripted',
      messages: [{ role: 'user', content: 'Question a' }],
    });
  });

  it('reads lines that end as on Windows', () => {
    const { lines, errors } = readInput(Buffer.from(`${inputLine('a')}\r\n${inputLine('b')}\r\n`), ENDPOINT);
    expect(errors).toEqual([]);
    expect(lines).toHaveLength(2);
  });

  it.each([
    ['no JSON', '{"custom_id":', 'invalid_json_line', undefined],
    ['no object', '[]', 'invalid_line', ''],
    [
      'no custom_id',
      JSON.stringify({ method: 'POST', url: ENDPOINT, body: { model: 'm' } }),
      'invalid_line',
      'custom_id',
    ],
    ['another method', inputLine('b', { method: 'GET' }), 'invalid_line', 'method'],
    ['another endpoint', inputLine('b', { url: '/v1/responses' }), 'mismatched_url', 'url'],
    ['no model', inputLine('b', {}, { model: undefined }), 'invalid_line', 'body.model'],
    ['a stream', inputLine('b', {}, { stream: true }), 'invalid_line', 'body.stream'],
    ['a custom_id twice', inputLine('a'), 'duplicate_custom_id', 'custom_id'],
    ['too deep', `{"a":${'['.repeat(600)}${']'.repeat(600)}}`, 'invalid_json_line', undefined],
  ])('a line with %s is an error with the number of its line', (_what, line, code, param) => {
    const { lines, errors } = read(inputLine('a'), '', line);
    expect(lines).toEqual([]);
    expect(errors).toEqual([{ code, line: 3, message: expect.any(String), ...(param === undefined ? {} : { param }) }]);
  });

  it('reports all lines that are wrong, at most 100', () => {
    const { errors } = read(...Array.from({ length: 150 }, () => 'no JSON'));
    expect(errors.map(({ line }) => line)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it('a file without requests is an error, as is one that is not UTF-8, and one with too many', () => {
    expect(read('', ' ').errors).toMatchObject([{ code: 'empty_file' }]);
    expect(readInput(Uint8Array.of(0xff, 0xfe, 0x00), ENDPOINT).errors).toMatchObject([{ code: 'invalid_encoding' }]);
    const many = Array.from({ length: 50_001 }, (_, index) =>
      JSON.stringify({ custom_id: String(index), method: 'POST', url: ENDPOINT, body: { model: 'm' } }),
    );
    expect(read(...many).errors).toMatchObject([{ code: 'too_many_requests' }]);
  });

  it('any file gives lines or errors, and never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.json(), fc.string(), fc.constant(inputLine('x')))), (lines) => {
        const result = read(...lines);
        expect(result.lines.length > 0).toBe(result.errors.length === 0);
      }),
    );
  });
});
