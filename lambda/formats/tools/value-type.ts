import type { Tool } from '../../forcing/format.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Returns the schema of one argument. Empty if the tool does not describe it. */
export function schemaOfArgument({ parameters }: Tool, key: string): Schema {
  const properties = parameters?.['properties'];
  if (!isRecord(properties) || !Object.hasOwn(properties, key)) return {};
  const schema = properties[key];
  return isRecord(schema) ? schema : {};
}

/** Whether a value of the schema is always a string. */
export function acceptsOnlyText(schema: Schema): boolean {
  const types = typesOf(schema);
  return types !== undefined && types.length > 0 && types.every((type) => type === 'string');
}

/**
 * Returns the JSON of a value that a model wrote without quotes, with its own digits.
 *
 * @returns `undefined` if the value is a string: it is no JSON, or the schema does not allow its type
 */
export function jsonValueOf(text: string, schema: Schema): string | undefined {
  const written = text.trim();
  const json = PYTHON_WORDS[written] ?? written;
  const type = typeOf(json);
  const types = typesOf(schema);
  if (type === undefined) return undefined;
  if (types === undefined) return json;
  return types.includes(type) || (type === 'number' && types.includes('integer')) ? json : undefined;
}

/** Models that were trained on templates with Python's `str` write these. */
const PYTHON_WORDS: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

function typeOf(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  } catch {
    return undefined;
  }
}

/** The types that a schema allows. `undefined` if it does not say. */
function typesOf(schema: Schema): readonly string[] | undefined {
  const { type, enum: values, anyOf, oneOf } = schema;
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return type.filter((one) => typeof one === 'string');
  if (Array.isArray(values)) return values.map((value) => typeOf(JSON.stringify(value)) ?? 'string');
  const choices = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : undefined;
  if (choices === undefined) return undefined;
  const types = choices.map((choice) => (isRecord(choice) ? typesOf(choice) : undefined));
  return types.includes(undefined) ? undefined : types.flatMap((one) => one ?? []);
}

function isRecord(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
