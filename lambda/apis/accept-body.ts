import * as z from 'zod';
import type { IgnoredField } from '../generation/request.ts';

/**
 * What a dialect accepts beyond its strict schema. What a client asks for and cannot have is refused by name; what rides along is
 * removed from the body and reported.
 */
export interface Leniency {
  /**
   * Fields that may ride along, by path without indices (`text.verbosity`). A value that the schema accepts is kept, and still
   * reported if it has no effect (`always`).
   */
  readonly ridesAlong: Readonly<Record<string, RidesAlong>>;
  /**
   * Objects whose unknown members ride along if their value is of this kind, by path. Misspelled names of known members are refused.
   */
  readonly openObjects: Readonly<Record<string, (value: unknown) => boolean>>;
  /** Rewrites what a client sends back of earlier turns to what the schema describes. */
  readonly acceptHistory: (body: JsonObject, report: Report) => JsonObject;
}

export interface RidesAlong {
  readonly reason: IgnoredField['reason'];
  /** Whether to report values that the schema accepts, too. @default false */
  readonly always?: true;
  /** Values of another kind ask for something, and are refused. @default - any value rides along */
  readonly unless?: (value: unknown) => boolean;
}

/** An object of a body before it is validated, with the members that are looked at. */
export interface JsonObject {
  readonly [member: string]: unknown;
  readonly type?: unknown;
  readonly role?: unknown;
  readonly content?: unknown;
  readonly text?: unknown;
  readonly refusal?: unknown;
  readonly name?: unknown;
  readonly id?: unknown;
  readonly tool_call_id?: unknown;
  readonly call_id?: unknown;
  readonly tool_use_id?: unknown;
  readonly function?: unknown;
  readonly custom?: unknown;
  readonly tool_calls?: unknown;
  readonly function_call?: unknown;
  readonly arguments?: unknown;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly is_error?: unknown;
  readonly messages?: unknown;
  readonly continue_final_message?: unknown;
  readonly reasoning?: unknown;
  readonly reasoning_content?: unknown;
  readonly thinking?: unknown;
  readonly output_config?: unknown;
  readonly effort?: unknown;
  readonly budget_tokens?: unknown;
  readonly max_tokens?: unknown;
}
export type Report = (field: string, reason: IgnoredField['reason']) => void;

/** Kinds of members that ride along in an open object. A list or an object in a message may ask for something, such as an image. */
export const anyValue = () => true;
export const isScalar = (value: unknown) => typeof value !== 'object';

/** Members that ride along in any object of a request. */
const anywhere: Readonly<Record<string, RidesAlong>> = { cache_control: { reason: 'automatic', always: true } };

/** Maximum number of reported fields, and of characters of their names. */
const MAX_REPORTED = 64;
const MAX_NAME = 96;

/** Returns the body as the strict schema describes it, and the fields that were removed or have no effect, sorted. */
export function acceptBody(
  body: object,
  schema: z.ZodObject,
  leniency: Leniency,
): { readonly body: JsonObject; readonly ignored: readonly IgnoredField[] } {
  const reported = new Map<string, IgnoredField>();
  const report: Report = (name, reason) => {
    // Names of unknown members come from the client; they end up in a header.
    const field = name.replaceAll(/[^\w.-]/g, '?').slice(0, MAX_NAME);
    if (reported.size < MAX_REPORTED && !reported.has(field)) reported.set(field, { field, reason });
  };
  const accepted = new Acceptance(leniency, report).object(leniency.acceptHistory({ ...body }, report), schema, '');
  return { body: accepted, ignored: [...reported.values()].toSorted((a, b) => (a.field < b.field ? -1 : 1)) };
}

/** Walks a body along its schema. */
class Acceptance {
  readonly #leniency: Leniency;
  readonly #report: Report;

  constructor(leniency: Leniency, report: Report) {
    this.#leniency = leniency;
    this.#report = report;
  }

  object(value: JsonObject, schema: z.ZodObject, path: string): JsonObject {
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, member]) => this.#member(key, member, schema, path)),
    );
  }

  /** The member as its object keeps it: one entry, or none. */
  #member(key: string, value: unknown, schema: z.ZodObject, parent: string): readonly (readonly [string, unknown])[] {
    const path = parent === '' ? key : `${parent}.${key}`;
    const known = Object.hasOwn(schema.shape, key) ? asType(schema.shape[key]) : undefined;
    // Null asks for nothing, except where a value is required.
    if (value === null && (known === undefined || known.safeParse(undefined).success)) return [];
    const rides = ownValue(this.#leniency.ridesAlong, path) ?? ownValue(anywhere, key);
    if (rides !== undefined && rides.unless?.(value) !== true) {
      const accepted = known?.safeParse(value).success === true;
      if (!accepted || rides.always === true) this.#report(path, rides.reason);
      return accepted ? [[key, value]] : [];
    }
    if (known !== undefined) return [[key, this.#value(value, known, path)]];
    const opens = ownValue(this.#leniency.openObjects, parent)?.(value) === true;
    if (opens && !Object.keys(schema.shape).some((name) => isMisspelled(key, name))) {
      this.#report(path, 'no_effect');
      return [];
    }
    return [[key, value]];
  }

  #value(value: unknown, type: z.ZodType, path: string): unknown {
    const schema = schemaOf(value, type);
    if (schema instanceof z.ZodArray && Array.isArray(value)) {
      const element = asType(schema.element);
      return element === undefined ? value : value.map((entry) => this.#value(entry, element, path));
    }
    return schema instanceof z.ZodObject && isJsonObject(value) ? this.object(value, schema, path) : value;
  }
}

/** The schema of a value without its wrappers; of a union, the alternative that the value is meant for. */
function schemaOf(value: unknown, type: z.ZodType): z.ZodType {
  if (type instanceof z.ZodOptional || type instanceof z.ZodNullable) {
    const inner = asType(type.unwrap());
    return inner === undefined ? type : schemaOf(value, inner);
  }
  if (!(type instanceof z.ZodUnion)) return type;
  const alternatives = type.options.flatMap((option) => asType(option) ?? []).map((option) => schemaOf(value, option));
  return alternatives.find((option) => isMeantFor(value, option)) ?? type;
}

/** Whether the value has the kind of the schema, and the constants that tell the alternatives of a union apart. */
function isMeantFor(value: unknown, schema: z.ZodType): boolean {
  if (schema instanceof z.ZodArray) return Array.isArray(value);
  if (!(schema instanceof z.ZodObject) || !isJsonObject(value)) return false;
  return Object.entries(schema.shape).every(([key, member]) => {
    const type = asType(member);
    return !(type instanceof z.ZodLiteral || type instanceof z.ZodEnum) || type.safeParse(value[key]).success;
  });
}

/** The types of zod's public API are wider than its classes. */
function asType(type: unknown): z.ZodType | undefined {
  return type instanceof z.ZodType ? type : undefined;
}

/** Whether a name is at most two edits away from another, or one if it is short. Names of up to three letters are never misspelled. */
function isMisspelled(name: string, known: string): boolean {
  const maxEdits = known.length > 5 ? 2 : 1;
  if (name === known || name.length < 4 || Math.abs(name.length - known.length) > maxEdits) return false;
  let previous = Array.from({ length: known.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...name].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...known].entries()) {
      const left = current[column] ?? 0;
      const above = previous[column + 1] ?? 0;
      const diagonal = previous[column] ?? 0;
      current.push(Math.min(left + 1, above + 1, diagonal + (letter === other ? 0 : 1)));
    }
    previous = current;
  }
  return (previous.at(-1) ?? 0) <= maxEdits;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function ownValue<Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
