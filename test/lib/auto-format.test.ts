import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../lib/config.ts';

const TEMPLATE = '[gMASK]<sop><|observation|><arg_key><think>';
const TOKENS = ['<think>', '</think>', '<|user|>'];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'auto-format-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(files: Readonly<Record<string, unknown>>, model: Readonly<Record<string, unknown>> = {}) {
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  const upstream = { kind: 'openai-compatible', baseUrl: 'http://localhost:8000/v1', servedModelName: 'glm' };
  const given = { id: 'glm', format: 'auto', tokenizer: 'tokenizer.json', contextTokens: 32_768, upstream, ...model };
  const config = { name: 'test', region: 'us-east-1', models: [given] };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const notes: string[] = [];
  const loaded = loadConfig(join(folder, 'config.json'), (line) => notes.push(line));
  const [read] = loaded.models;
  return { format: read?.format, fallbacks: read?.fallbacks, notes };
}

const tokenizer = { added_tokens: TOKENS.map((content, id) => ({ id, content })) };

describe('the format "auto" in a config', () => {
  it('reads chat_template.jinja beside the tokenizer, and says what it found', () => {
    const { format, notes } = load({ 'tokenizer.json': tokenizer, 'chat_template.jinja': TEMPLATE });
    expect(format).toBe('glm-4.7');
    expect(notes).toEqual(['Format of glm: glm-4.7, since its chat template has [gMASK]<sop>, <arg_key>, <think>.']);
  });

  it.each([
    ['a template', TEMPLATE],
    [
      'named templates',
      [
        { name: 'tool_use', template: 'x' },
        { name: 'default', template: TEMPLATE },
      ],
    ],
  ])('reads %s in tokenizer_config.json', (_, template) => {
    const files = { 'tokenizer.json': tokenizer, 'tokenizer_config.json': { chat_template: template } };
    expect(load(files).format).toBe('glm-4.7');
  });

  it('refuses a model that does not tell its format', () => {
    expect(() => load({ 'tokenizer.json': tokenizer })).toThrow(
      /"auto", but none can be derived.*Write the format by its name/s,
    );
    expect(() => load({}, { tokenizer: 'endpoint' })).toThrow(/tokenizer is "endpoint": write the path/);
    expect(() => load({}, { tokenizer: undefined })).toThrow(/tokenizer is missing: write the path/);
    expect(() => load({}, { tokenizer: 'none/tokenizer.json' })).toThrow(/cannot be read: ENOENT.*Write the path/s);
  });

  it('is derived for a fallback as well', () => {
    const fallback = {
      name: 'other',
      upstream: { kind: 'openai-compatible', baseUrl: 'http://localhost:8001/v1', servedModelName: 'glm' },
      format: 'auto',
      tokenizer: 'tokenizer.json',
    };
    const files = { 'tokenizer.json': tokenizer, 'chat_template.jinja': TEMPLATE };
    const { fallbacks, notes } = load(files, { fallbacks: [fallback] });
    expect(fallbacks?.[0]).toMatchObject({ name: 'other', format: 'glm-4.7' });
    expect(notes.toSorted()[0]).toMatch(/^Format of fallback 1 of glm: glm-4\.7, since /);
    expect(() => load(files, { fallbacks: [{ ...fallback, tokenizer: undefined }] })).toThrow(
      /format of fallback 1 of glm is "auto".*tokenizer is missing/,
    );
  });
});
