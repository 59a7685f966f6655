import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Shape {
  readonly type: string;
  readonly document?: boolean;
  readonly required?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly members?: Readonly<Record<string, string>>;
  readonly member?: string;
}
type Json = Readonly<Record<string, unknown>>;

/** AWS's model of S3 Vectors, as far as the index uses it. */
export const model: {
  readonly operations: Readonly<
    Record<string, { readonly uri: string; readonly input: string; readonly output: string }>
  >;
  readonly shapes: Readonly<Record<string, Shape>>;
} = JSON.parse(readFileSync(new URL('s3vectors-model.json', import.meta.url), 'utf8'));

/** What of a value is not as its shape in the model says. */
function violations(name: string, value: unknown, path = name): string[] {
  const shape = model.shapes[name];
  if (shape === undefined) return [`${path}: no shape ${name}`];
  if (shape.document) return typeof value === 'object' ? [] : [`${path} is no document`];
  const size =
    typeof value === 'number' ? value : Array.isArray(value) || typeof value === 'string' ? [...value].length : 0;
  const limits = [
    ...(shape.min !== undefined && size < shape.min ? [`${path} is below ${shape.min}`] : []),
    ...(shape.max !== undefined && size > shape.max ? [`${path} is above ${shape.max}`] : []),
  ];
  switch (shape.type) {
    case 'structure': {
      if (typeof value !== 'object' || value === null) return [`${path} is no structure`];
      const members = Object.entries(value).filter(([, member]) => member !== undefined);
      return [
        ...(shape.required ?? []).filter((key) => !(key in value)).map((key) => `${path}.${key} is required`),
        ...members.flatMap(([key, member]) => {
          const of = shape.members?.[key];
          return of === undefined ? [`${path}.${key} is no member`] : violations(of, member, `${path}.${key}`);
        }),
      ];
    }
    case 'list':
      if (!Array.isArray(value)) return [`${path} is no list`];
      return [...limits, ...value.flatMap((item, index) => violations(shape.member ?? '', item, `${path}[${index}]`))];
    case 'string': {
      if (typeof value !== 'string') return [`${path} is no string`];
      const matches = shape.pattern === undefined || new RegExp(`^(?:${shape.pattern})$`).test(value);
      return matches ? limits : [...limits, `${path} does not match ${shape.pattern}`];
    }
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${path} is no boolean`];
    default:
      return typeof value === 'number' ? limits : [`${path} is no number`];
  }
}

interface StoredVector {
  readonly key: string;
  readonly data: { readonly float32: readonly number[] };
  readonly metadata: Json;
}

export interface PlayedIndex {
  readonly dimensions: number;
  readonly unfilterable: readonly string[];
  readonly searchable: readonly string[];
}

/**
 * Plays one index of S3 Vectors over HTTP: it checks each request against AWS's model and the limits of the service, keeps vectors, and
 * searches by cosine and by BM25 with a standard analyzer.
 */
export async function playS3Vectors(index: PlayedIndex) {
  const vectors = new Map<string, StoredVector>();
  const asked: { readonly operation: string; readonly input: Json; readonly bytes: number }[] = [];
  const failures: { readonly status: number; readonly type: string }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const operation = (request.url ?? '').slice(1);
    const input = JSON.parse(body.toString()) as Json;
    const failure = failures.shift();
    const answer = (status: number, json: Json, type?: string) => {
      response.writeHead(status, { 'content-type': 'application/json', ...(type && { 'x-amzn-errortype': type }) });
      response.end(JSON.stringify(json));
    };
    if (failure !== undefined) {
      answer(failure.status, { message: 'played failure' }, failure.type);
      return;
    }
    asked.push({ operation, input, bytes: body.length });
    const found = model.operations[operation];
    if (found === undefined) throw new Error(`No operation ${operation}.`);
    const wrong = [...violations(found.input, input), ...serviceLimits(operation, input, body.length)];
    if (wrong.length > 0) {
      answer(400, { message: wrong.slice(0, 5).join('; ') }, 'ValidationException');
      return;
    }
    const result = run(operation, input);
    const wrongAnswer = violations(found.output, result);
    if (wrongAnswer.length > 0) throw new Error(wrongAnswer.join('; '));
    answer(200, result);
  });

  function serviceLimits(operation: string, input: Json, bytes: number): string[] {
    const wrong = bytes > 20 * 1024 ** 2 ? [`the payload has ${bytes} bytes`] : [];
    if (operation === 'PutVectors') {
      const keys = new Set<string>();
      for (const { key, data, metadata } of input['vectors'] as StoredVector[]) {
        if (keys.has(key)) wrong.push(`${key} is there twice`);
        keys.add(key);
        if (data.float32.length !== index.dimensions) wrong.push(`${key} has ${data.float32.length} dimensions`);
        if (data.float32.every((value) => value === 0)) wrong.push(`${key} is a zero vector`);
        const filterable = Object.entries(metadata).filter(([name]) => !index.unfilterable.includes(name));
        if (Buffer.byteLength(JSON.stringify(metadata)) > 40 * 1024) wrong.push(`${key} has too much metadata`);
        if (Buffer.byteLength(JSON.stringify(Object.fromEntries(filterable))) > 2048)
          wrong.push(`${key} filterable metadata`);
        if (Object.keys(metadata).length > 50) wrong.push(`${key} has too many metadata keys`);
        for (const [name, value] of Object.entries(metadata)) {
          const items = Array.isArray(value) ? value : [value];
          if (items.some((item) => typeof item === 'object')) wrong.push(`${key}.${name} is no metadata value`);
          if (Array.isArray(value) && value.length === 0) wrong.push(`${key}.${name} is an empty list`);
        }
      }
    }
    if (operation === 'QueryVectors') {
      if (Number(input['topK']) > 100) wrong.push('topK is above 100');
      if (input['queryVector'] === undefined && input['queryTexts'] === undefined) wrong.push('nothing to search');
      const { float32 = undefined } = (input['queryVector'] ?? {}) as { float32?: number[] };
      if (float32 !== undefined && float32.length !== index.dimensions) wrong.push('the query has other dimensions');
      for (const { metadataKey } of (input['queryTexts'] ?? []) as { metadataKey: string }[]) {
        if (!index.searchable.includes(metadataKey)) wrong.push(`${metadataKey} is not searchable`);
      }
      for (const name of filterKeys(input['filter'])) {
        if (index.unfilterable.includes(name)) wrong.push(`${name} is not filterable`);
      }
    }
    return wrong;
  }

  function run(operation: string, input: Json): Json {
    switch (operation) {
      case 'PutVectors':
        for (const vector of input['vectors'] as StoredVector[]) vectors.set(vector.key, vector);
        return {};
      case 'DeleteVectors':
        for (const key of input['keys'] as string[]) vectors.delete(key);
        return {};
      case 'GetVectors':
        return { vectors: (input['keys'] as string[]).flatMap((key) => vectors.get(key) ?? []) };
      default:
        return query(input);
    }
  }

  function query(input: Json): Json {
    const candidates = [...vectors.values()].filter(({ metadata }) =>
      matches(input['filter'] as Json | undefined, metadata),
    );
    const { float32 } = (input['queryVector'] ?? {}) as { float32?: number[] };
    const [queryText] = (input['queryTexts'] ?? []) as { text: string; metadataKey: string }[];
    const topK = Number(input['topK']);
    const near =
      float32 === undefined ? [] : ranked(candidates, (vector) => -distance(float32, vector.data.float32), topK);
    const scored = queryText === undefined ? new Map<string, number>() : bm25(candidates, queryText);
    const worded = ranked(
      candidates.filter(({ key }) => scored.has(key)),
      ({ key }) => scored.get(key) ?? 0,
      topK,
    );
    const fused = new Map<string, number>();
    for (const list of [near, worded]) {
      for (const [rank, { key }] of list.entries()) fused.set(key, (fused.get(key) ?? 0) + 1 / (60 + rank + 1));
    }
    const top = [...fused].sort(([, a], [, b]) => b - a).slice(0, topK);
    return {
      distanceMetric: 'cosine',
      vectors: top.map(([key, score]) => {
        const vector = vectors.get(key);
        const bm25Score = scored.get(key);
        const isHybrid = float32 !== undefined && queryText !== undefined;
        return {
          key,
          ...(input['returnMetadata'] === true && { metadata: vector?.metadata }),
          ...(float32 !== undefined && !isHybrid && { distance: distance(float32, vector?.data.float32 ?? []) }),
          ...(input['returnScores'] === true && {
            scores: {
              ...(bm25Score !== undefined && {
                bm25Scores: [{ metadataKey: queryText?.metadataKey, score: bm25Score }],
              }),
              ...(isHybrid && { fused: score }),
              ...(isHybrid && near.some((other) => other.key === key)
                ? { vectorDistance: distance(float32, vector?.data.float32 ?? []) }
                : {}),
            },
          }),
        };
      }),
    };
  }

  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    vectors,
    asked,
    failures,
    close: () => server.close(),
  };
}

function ranked<Item>(items: readonly Item[], score: (item: Item) => number, limit: number): readonly Item[] {
  return items.toSorted((a, b) => score(b) - score(a)).slice(0, limit);
}

function distance(a: readonly number[], b: readonly number[]): number {
  let dot = 0;
  let lengthA = 0;
  let lengthB = 0;
  for (const [index, value] of a.entries()) {
    dot += value * (b[index] ?? 0);
    lengthA += value ** 2;
    lengthB += (b[index] ?? 0) ** 2;
  }
  return 1 - dot / Math.sqrt(lengthA * lengthB);
}

/** Words between spaces and signs: what the standard analyzer knows of a language without spaces. */
const terms = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];

function bm25(documents: readonly StoredVector[], { text, metadataKey }: { text: string; metadataKey: string }) {
  const texts = documents.map(({ key, metadata }) => ({ key, words: terms(String(metadata[metadataKey] ?? '')) }));
  const average = texts.reduce((sum, { words }) => sum + words.length, 0) / Math.max(texts.length, 1);
  const scores = new Map<string, number>();
  for (const term of new Set<string>(terms(text))) {
    const having = texts.filter(({ words }) => words.includes(term));
    const idf = Math.log(1 + (texts.length - having.length + 0.5) / (having.length + 0.5));
    for (const { key, words } of having) {
      const frequency = words.filter((word) => word === term).length;
      const score = (idf * frequency * 2.2) / (frequency + 1.2 * (0.25 + (0.75 * words.length) / average));
      scores.set(key, (scores.get(key) ?? 0) + score);
    }
  }
  return scores;
}

function filterKeys(filter: unknown): string[] {
  if (typeof filter !== 'object' || filter === null) return [];
  return Object.entries(filter).flatMap(([key, value]) =>
    key === '$and' || key === '$or' ? (value as unknown[]).flatMap(filterKeys) : [key],
  );
}

/** Evaluates a filter as the page on metadata filtering says. A comparison with a missing key does not hold. */
function matches(filter: Json | undefined, metadata: Json): boolean {
  return Object.entries(filter ?? {}).every(([key, value]) => {
    if (key === '$and') return (value as Json[]).every((part) => matches(part, metadata));
    if (key === '$or') return (value as Json[]).some((part) => matches(part, metadata));
    const actual = metadata[key];
    return Object.entries(value as Json).every(([operator, operand]) => {
      if (operator === '$exists') return (actual !== undefined) === operand;
      if (actual === undefined) return false;
      switch (operator) {
        case '$eq':
          return actual === operand;
        case '$ne':
          return actual !== operand;
        case '$in':
          return (operand as unknown[]).includes(actual);
        case '$nin':
          return !(operand as unknown[]).includes(actual);
        case '$gt':
          return Number(actual) > Number(operand);
        case '$gte':
          return Number(actual) >= Number(operand);
        case '$lt':
          return Number(actual) < Number(operand);
        case '$lte':
          return Number(actual) <= Number(operand);
        default:
          throw new Error(`No operator ${operator}.`);
      }
    });
  });
}
