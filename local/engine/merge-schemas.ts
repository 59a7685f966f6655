/** A JSON schema, or any part of one that is an object. */
export type Schema = Readonly<Record<string, unknown>>;

/** Merges two schemas that both apply. Returns the first keyword in which they contradict each other, if they do. */
export function mergeSchemas(one: Schema, other: Schema): Schema | string {
  const merged: Record<string, unknown> = { ...one };
  for (const [keyword, value] of Object.entries(other)) {
    const present = merged[keyword];
    if (present === undefined || ANNOTATIONS.has(keyword)) {
      merged[keyword] = value;
      continue;
    }
    const both = bothOf(keyword, present, value);
    if (both === undefined) return keyword;
    merged[keyword] = both;
  }
  return merged;
}

const ANNOTATIONS: ReadonlySet<string> = new Set([
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  '$comment',
  '$defs',
  'definitions',
  'additionalProperties',
]);

function bothOf(keyword: string, one: unknown, other: unknown): unknown {
  if (JSON.stringify(one) === JSON.stringify(other)) return one;
  if (typeof one === 'number' && typeof other === 'number') {
    if (/^(?:min|exclusiveMin)/.test(keyword)) return Math.max(one, other);
    if (/^(?:max|exclusiveMax)/.test(keyword)) return Math.min(one, other);
    return undefined;
  }
  if (keyword === 'required' && Array.isArray(one) && Array.isArray(other)) return [...new Set([...one, ...other])];
  if (keyword === 'enum' && Array.isArray(one) && Array.isArray(other)) return commonTo(one, other);
  if (keyword === 'type') return commonTypes([one].flat(), [other].flat());
  if (keyword === 'properties' && isSchema(one) && isSchema(other)) {
    return Object.fromEntries(
      [...new Set([...Object.keys(one), ...Object.keys(other)])].map((name) => [
        name,
        one[name] === undefined
          ? other[name]
          : other[name] === undefined
            ? one[name]
            : { allOf: [one[name], other[name]] },
      ]),
    );
  }
  return undefined;
}

function commonTo(one: readonly unknown[], other: readonly unknown[]): readonly unknown[] | undefined {
  const texts = new Set(other.map((value) => JSON.stringify(value)));
  const common = one.filter((value) => texts.has(JSON.stringify(value)));
  return common.length === 0 ? undefined : common;
}

function commonTypes(one: readonly unknown[], other: readonly unknown[]): readonly unknown[] | undefined {
  const accepts = (types: readonly unknown[], type: unknown) =>
    types.includes(type) || (type === 'integer' && types.includes('number'));
  const common = new Set([
    ...one.filter((type) => accepts(other, type)),
    ...other.filter((type) => accepts(one, type)),
  ]);
  if (common.has('integer') && common.has('number')) common.delete('integer');
  return common.size === 0 ? undefined : [...common];
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
