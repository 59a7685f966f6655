import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseCompletionBody } from '../../local/endpoint/completion-body.ts';
import { wholeCompletion } from '../../local/endpoint/completion-chunks.ts';
import { type Engine, UnknownStructureError } from '../../local/engine/engine.ts';
import { jsonGrammar } from '../../local/engine/json-grammar.ts';
import { loadLlamaEngine } from '../../local/engine/llama-engine.ts';
import { integerRule, numberRule } from '../../local/engine/number-grammar.ts';
import { runs } from '../property-runs.ts';

const modelPath = fileURLToPath(new URL('../../local/model/budgetforce-tiny.gguf', import.meta.url));
let engine: Engine;
beforeAll(async () => {
  engine = await loadLlamaEngine({ modelPath });
});
afterAll(async () => {
  await engine.close();
});

async function answer(structured_outputs: object, seed: number, fields: object = {}) {
  const prompt = '<|im_start|>user\nTell me a story about a dog as JSON.<|im_end|>\n<|im_start|>assistant\n';
  const body = { prompt, seed, max_tokens: 250, structured_outputs, return_token_ids: true, ...fields };
  const completion = await wholeCompletion(
    engine,
    parseCompletionBody(JSON.stringify(body)),
    'm',
    new AbortController().signal,
  );
  const [choice] = completion.choices;
  if (choice === undefined) throw new Error('The completion has no choice.');
  return choice;
}

const formats = z.object({
  id: z.uuid(),
  mail: z.email(),
  at: z.iso.datetime(),
  day: z.iso.date(),
  address: z.ipv4(),
  page: z.url(),
});

/** What published clients send: zod, pydantic, OpenAI's guides. */
const schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'an integer': { type: 'object', properties: { answer: { type: 'integer' } }, required: ['answer'] },
  'a call': {
    type: 'object',
    properties: {
      name: { const: 'calculate' },
      arguments: {
        type: 'object',
        properties: { n: { type: 'integer' }, op: { enum: ['add', 'sub'] } },
        required: ['n', 'op'],
      },
    },
    required: ['name', 'arguments'],
    additionalProperties: false,
  },
  'bounded numbers': {
    type: 'object',
    properties: {
      age: { type: 'integer', minimum: 7, maximum: 123 },
      offset: { type: 'integer', minimum: -9_007_199_254_740_991, maximum: 9_007_199_254_740_991 },
      share: { type: 'number', minimum: 0, maximum: 1 },
      loss: { type: 'number', exclusiveMinimum: -2.5, exclusiveMaximum: 0.25 },
    },
    required: ['age', 'offset', 'share', 'loss'],
  },
  'optional and nullable properties': {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: {
      title: { type: 'string', maxLength: 12 },
      tags: { type: 'array', items: { enum: ['a', 'b'] }, minItems: 1, maxItems: 3 },
      parent: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: null },
      done: { type: 'boolean' },
    },
    required: ['tags'],
    additionalProperties: false,
  },
  references: {
    $defs: {
      step: {
        type: 'object',
        properties: { n: { type: 'integer' }, next: { anyOf: [{ $ref: '#/$defs/step' }, { type: 'null' }] } },
        required: ['n', 'next'],
      },
    },
    allOf: [{ $ref: '#/$defs/step' }],
    description: 'A list.',
  },
};

const SEEDS = Number(process.env['STRUCTURED_SEEDS'] ?? 20);

describe('A structured answer of the embedded engine', () => {
  it.each(Object.entries(schemas))(
    '%s: a finished answer conforms to its schema and ends with its last character',
    async (_, schema) => {
      const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
      let finished = 0;
      for (let seed = 0; seed < SEEDS; seed++) {
        const { text, finish_reason } = await answer({ json: schema }, seed, { max_tokens: 700 });
        if (finish_reason === 'length') {
          expect(() => JSON.parse(text)).toThrow();
          continue;
        }
        finished++;
        expect(text).toBe(text.trim());
        const value: unknown = JSON.parse(text);
        expect([text, validate(value), validate.errors]).toEqual([text, true, null]);
      }
      expect(finished).toBeGreaterThan(SEEDS / 4);
    },
    120_000,
  );

  it("zod's formats and the patterns beside them hold", async () => {
    const schema = z.toJSONSchema(formats, { target: 'draft-7' });
    for (let seed = 0; seed < SEEDS / 4; seed++) {
      const { text, finish_reason } = await answer({ json: schema }, seed, { max_tokens: 700 });
      expect(finish_reason).toBe('stop');
      expect(formats.safeParse(JSON.parse(text)).error).toBeUndefined();
    }
  }, 120_000);

  it('any JSON object ends as JSON, or says length', async () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const { text, finish_reason } = await answer({ json_object: true }, seed, {
        stop_token_ids: engine.tokenize('<|im_start|><|im_end|>', true),
      });
      if (finish_reason === 'stop') expect(typeof JSON.parse(text)).toBe('object');
      else expect(() => JSON.parse(text)).toThrow();
    }
  }, 60_000);

  it('an answer whose last token is the last that is allowed is complete', async () => {
    const structure = { json: schemas['an integer'] };
    const free = await answer(structure, 3);
    const exact = await answer(structure, 3, { max_tokens: free.token_ids?.length });
    expect(exact).toMatchObject({ text: free.text, finish_reason: 'stop' });
    const cut = await answer(structure, 3, { max_tokens: (free.token_ids?.length ?? 0) - 1 });
    expect(cut.finish_reason).toBe('length');
  });
});

describe('jsonGrammar', () => {
  it.each([
    [{ type: 'string', pattern: '^a' }, 'schema has pattern'],
    [{ properties: { a: { items: { not: {} } } } }, 'schema.properties.a.items has not'],
    [{ type: 'number', multipleOf: 0.1 }, 'schema has multipleOf'],
    [{ type: 'integer', minimum: 3, maximum: 2 }, 'bounds that allow no number'],
    [{ $ref: '#' }, 'refers to itself'],
    [{ $ref: '#/$defs/none' }, 'which the schema does not have'],
    [{ $ref: 'https://example.com/schema' }, 'only references into the schema'],
    [{ allOf: [{ type: 'string' }, { type: 'integer' }] }, 'contradicts'],
  ])('%j is refused with the place and the keyword', (schema, message) => {
    expect(() => jsonGrammar({ kind: 'json_schema', schema })).toThrow(UnknownStructureError);
    expect(() => jsonGrammar({ kind: 'json_schema', schema })).toThrow(message);
  });

  it('a schema nested too deep is refused', () => {
    let schema: Readonly<Record<string, unknown>> = { type: 'integer' };
    for (let depth = 0; depth < 100_000; depth++) schema = { type: 'array', items: schema };
    expect(() => jsonGrammar({ kind: 'json_schema', schema })).toThrow('nested deeper');
  });

  it('an alternative that cannot be enforced is left out while another can', () => {
    const schema = { anyOf: [{ type: 'number' }, { type: 'string', pattern: '^a' }] };
    expect(jsonGrammar({ kind: 'json_schema', schema })).toMatch(/^root ::= r\d+$/m);
  });
});

describe('Rules of bounded numbers', () => {
  /** These rules are regular: literals, classes, groups and repetitions. */
  const matcher = (rule: string) =>
    new RegExp(
      `^(?:${rule.replaceAll(/"([^"]*)"|(\[[^\]]*\])|\s+/g, (_, text, set) => set ?? String(text ?? '').replaceAll('.', '\\.'))})$`,
    );

  it('the integers of a range are exactly those', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(3_000), fc.integer({ min: -50, max: 3_050 }), (from, width, at) => {
        const minimum = from % 1_000_000;
        const rule = matcher(integerRule({ minimum, maximum: minimum + width }) ?? '');
        expect(rule.test(String(minimum + at))).toBe(at >= 0 && at <= width);
      }),
      { numRuns: runs(1_000) },
    );
  });

  it('a number that a rule allows is within its bounds', () => {
    const bound = fc.integer({ min: -5_000, max: 5_000 }).map((value) => value / 100);
    fc.assert(
      fc.property(bound, bound, bound, fc.boolean(), (one, other, value, exclusive) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        fc.pre(low < high - 0.02);
        const bounds = exclusive ? { exclusiveMinimum: low, exclusiveMaximum: high } : { minimum: low, maximum: high };
        const rule = numberRule(bounds);
        expect(rule).toBeDefined();
        if (matcher(rule ?? '').test(String(value))) {
          expect(exclusive ? value > low && value < high : value >= low && value <= high).toBe(true);
        }
      }),
      { numRuns: runs(2_000) },
    );
  });
});
