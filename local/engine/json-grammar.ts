import { type TextStructure, UnknownStructureError } from './engine.ts';
import { mergeSchemas, type Schema } from './merge-schemas.ts';
import { integerRule, numberRule } from './number-grammar.ts';
import { textLiteral } from './text-literal.ts';

/** Longest repetition with a bound that llama.cpp accepts without a noticeable delay. A larger maximum is lowered to it. */
const MAX_REPETITIONS = 1_000;

/** Deepest nesting of a schema. */
const MAX_DEPTH = 100;

/** A space after a colon or comma is the only white space: a model that writes more never ends. */
const SPACE = '" "?';

/**
 * Rules of any JSON text. Numbers are finite doubles and integers of at most 15 digits, which every reader keeps. Escapes never
 * write half a surrogate pair.
 *
 * Source: https://www.rfc-editor.org/rfc/rfc8259
 */
const BASE_RULES: readonly string[] = [
  'value ::= object | array | string | number | "true" | "false" | "null"',
  `object ::= "{" (string ":" ${SPACE} value ("," ${SPACE} string ":" ${SPACE} value)*)? "}"`,
  `array ::= "[" (value ("," ${SPACE} value)*)? "]"`,
  'string ::= "\\"" char* "\\""',
  'char ::= [^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\/bfnrt] | "u" unit)',
  'unit ::= [0-9a-cA-CefEF] hex hex hex | [dD] [0-7] hex hex',
  'hex ::= [0-9a-fA-F]',
  `number ::= ${numberRule({})}`,
  'digit ::= [0-9]',
  'day ::= "0" [1-9] | [12] [0-9] | "30"',
  'date ::= [0-9]{4} "-" (("01" | "03" | "05" | "07" | "08" | "10" | "12") "-" (day | "31") | ("04" | "06" | "09" | "11") "-" day | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))',
  'clock ::= ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]',
  'time ::= clock ":" [0-5] [0-9] ("." [0-9]{1,6})? "Z"',
  'octet ::= "25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9] [0-9] | [0-9]',
  'host ::= [a-z0-9] [a-z0-9-]{0,30} [a-z0-9] ("." [a-z]{2,20}){1,3}',
];

/**
 * Texts of the formats that are enforced, at most 254 characters long, as plain as patterns beside a format expect them (zod writes
 * both). Any other format is an annotation.
 */
const FORMATS: Readonly<Record<string, string>> = {
  date: 'date',
  time: 'time',
  'date-time': 'date "T" time',
  uuid: 'hex{8} "-" hex{4} "-4" hex{3} "-" [89ab] hex{3} "-" hex{12}',
  ipv4: 'octet "." octet "." octet "." octet',
  hostname: 'host',
  email: '[a-z0-9] [a-z0-9_+-]{0,40} "@" host',
  uri: '"http" "s"? "://" host ("/" [a-zA-Z0-9_-]{1,30}){0,4}',
};

/**
 * Writes the grammar (GBNF) of an answer that is JSON. It has no white space before, after or between lines, so that an answer ends
 * with its last character. It may allow less than the schema, never more: properties come in the schema's order, and an object with
 * declared properties has no others.
 *
 * @throws {UnknownStructureError} if a keyword cannot be enforced, with its path
 */
export function jsonGrammar(structure: TextStructure): string {
  const writer = new GrammarWriter(structure.kind === 'json_schema' ? structure.schema : {});
  const root = structure.kind === 'json_schema' ? writer.rule(structure.schema, 'schema') : 'object';
  return [`root ::= ${root}`, ...writer.rules, ...BASE_RULES].join('\n');
}

class GrammarWriter {
  readonly rules: string[] = [];
  readonly #root: Schema;
  readonly #referenced = new Map<string, string>();
  #count = 0;

  constructor(root: Schema) {
    this.#root = root;
  }

  /** The name of a rule for the schema. `open`: references that were followed without a character between. */
  rule(schema: unknown, path: string, depth = 0, open: ReadonlySet<string> = new Set()): string {
    if (depth > MAX_DEPTH) throw refused(path, `is nested deeper than ${MAX_DEPTH} levels`);
    if (schema === true) return 'value';
    if (!isSchema(schema)) throw refused(path, schema === false ? 'allows no value' : 'is not a JSON schema');
    const place = { path, depth, open };
    if (typeof schema['$ref'] === 'string') return this.#reference(schema, schema['$ref'], place);
    return this.#add(this.#body(schema, place));
  }

  #add(body: string): string {
    const name = `r${this.#count++}`;
    this.rules.push(`${name} ::= ${body}`);
    return name;
  }

  #reference(schema: Schema, pointer: string, { path, depth, open }: Place): string {
    if (open.has(pointer)) throw refused(path, `refers to itself: ${pointer}`);
    const target = this.#resolve(pointer, path);
    const followed = new Set([...open, pointer]);
    const { $ref: _, ...siblings } = schema;
    if (isSchema(target) && Object.keys(siblings).some((key) => CONSTRAINTS.has(key))) {
      return this.rule(this.#merged(target, siblings, path), path, depth + 1, followed);
    }
    const known = this.#referenced.get(pointer);
    if (known !== undefined) return known;
    const name = `r${this.#count++}`;
    this.#referenced.set(pointer, name);
    this.rules.push(`${name} ::= ${this.rule(target, pointer, depth + 1, followed)}`);
    return name;
  }

  #resolve(pointer: string, path: string): unknown {
    if (!pointer.startsWith('#'))
      throw refused(path, `refers to ${JSON.stringify(pointer)}: only references into the schema (#/…) are followed`);
    let target: unknown = this.#root;
    for (const part of pointer.split('/').slice(1)) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      target =
        typeof target === 'object' && target !== null && Object.hasOwn(target, key)
          ? Reflect.get(target, key)
          : undefined;
    }
    if (target === undefined)
      throw refused(path, `refers to ${JSON.stringify(pointer)}, which the schema does not have`);
    return target;
  }

  #body(schema: Schema, place: Place): string {
    const { path, depth, open } = place;
    for (const keyword of REFUSED) {
      if (schema[keyword] !== undefined) throw refused(path, `has ${keyword}, which the engine cannot enforce`);
    }
    if (Object.hasOwn(schema, 'const')) return textLiteral(JSON.stringify(schema['const']));
    if (Array.isArray(schema['enum'])) return this.#enumeration(schema['enum'], typesOf(schema), path);
    const { allOf, anyOf, oneOf, ...rest } = schema;
    if (Array.isArray(allOf)) {
      const whole = allOf.reduce<Schema>(
        (merged, part, index) => this.#merged(merged, part, `${path}.allOf[${index}]`),
        { ...rest, ...(anyOf === undefined ? {} : { anyOf }), ...(oneOf === undefined ? {} : { oneOf }) },
      );
      return this.rule(whole, path, depth + 1, open);
    }
    const keyword = Array.isArray(anyOf) ? 'anyOf' : 'oneOf';
    const choices = schema[keyword];
    if (!Array.isArray(choices)) return this.#typed(schema, place);
    const other = keyword === 'anyOf' && oneOf !== undefined ? { oneOf } : {};
    return this.#firstOf(
      choices.map((choice, index) => () => {
        const at = `${path}.${keyword}[${index}]`;
        const constrained = Object.keys({ ...rest, ...other }).some((key) => CONSTRAINTS.has(key));
        return this.rule(constrained ? this.#merged({ ...rest, ...other }, choice, at) : choice, at, depth + 1, open);
      }),
      path,
    );
  }

  /** The alternatives that can be enforced. */
  #firstOf(choices: readonly (() => string)[], path: string): string {
    const names: string[] = [];
    let failed: unknown = refused(path, 'has no alternative');
    for (const choice of choices) {
      try {
        names.push(choice());
      } catch (error) {
        if (!(error instanceof UnknownStructureError)) throw error;
        failed = error;
      }
    }
    if (names.length === 0) throw failed;
    return names.join(' | ');
  }

  #enumeration(values: readonly unknown[], types: readonly string[] | undefined, path: string): string {
    const allowed =
      types === undefined ? values : values.filter((value) => types.some((type) => isOfType(value, type)));
    if (allowed.length === 0) throw refused(path, 'has an enum without a value of its type');
    return [...new Set(allowed.map((value) => textLiteral(JSON.stringify(value))))].join(' | ');
  }

  #merged(one: Schema, other: unknown, path: string): Schema {
    if (other === true) return one;
    const resolved = isSchema(other) && typeof other['$ref'] === 'string' ? this.#flat(other, path) : other;
    if (!isSchema(resolved)) throw refused(path, 'allows no value');
    const merged = mergeSchemas(one, resolved);
    if (typeof merged === 'string') throw refused(path, `contradicts what surrounds it in ${merged}`);
    return merged;
  }

  /** A schema with its reference replaced by what it refers to. */
  #flat(schema: Schema, path: string): Schema {
    let flat = schema;
    for (let followed = 0; typeof flat['$ref'] === 'string'; followed++) {
      if (followed > MAX_DEPTH) throw refused(path, 'refers to itself');
      const { $ref: pointer, ...siblings } = flat;
      const target = this.#resolve(String(pointer), path);
      flat = isSchema(target) ? { ...target, ...siblings } : siblings;
    }
    return flat;
  }

  #typed(schema: Schema, place: Place): string {
    const types = typesOf(schema) ?? inferredTypes(schema);
    if (types === undefined) return 'value';
    return this.#firstOf(
      types.map((type) => () => this.#add(this.#ofType(type, schema, place))),
      place.path,
    );
  }

  #ofType(type: string, schema: Schema, place: Place): string {
    switch (type) {
      case 'object':
        return this.#object(schema, place);
      case 'array':
        return this.#array(schema, place);
      case 'string':
        return stringBody(schema, place.path);
      case 'integer':
      case 'number': {
        if (schema['multipleOf'] !== undefined && !(type === 'integer' && schema['multipleOf'] === 1)) {
          throw refused(place.path, 'has multipleOf, which the engine cannot enforce');
        }
        const rule = (type === 'integer' ? integerRule : numberRule)(boundsOf(schema));
        if (rule === undefined) throw refused(place.path, 'has bounds that allow no number');
        return rule;
      }
      case 'boolean':
        return '"true" | "false"';
      case 'null':
        return '"null"';
      default:
        throw refused(place.path, `has the unknown type ${JSON.stringify(type)}`);
    }
  }

  #object(schema: Schema, { path, depth }: Place): string {
    const properties = isSchema(schema['properties']) ? schema['properties'] : {};
    const required = new Set(Array.isArray(schema['required']) ? schema['required'].map(String) : []);
    const additional = schema['additionalProperties'] ?? true;
    const names = [...Object.keys(properties), ...[...required].filter((name) => !Object.hasOwn(properties, name))];
    const minimum = countOf(schema, 'minProperties') ?? 0;
    const maximum = countOf(schema, 'maxProperties');
    if (names.length === 0) return this.#map(additional, minimum, maximum, `${path}.additionalProperties`, depth);
    if (minimum > required.size)
      throw refused(
        path,
        `has minProperties ${minimum}, which the engine enforces only up to the number of required properties`,
      );
    if (maximum !== undefined && maximum < names.length)
      throw refused(path, `has maxProperties ${maximum}, fewer than its properties`);
    const members = names.flatMap((name) => {
      const declared = Object.hasOwn(properties, name);
      if (declared && properties[name] === false && !required.has(name)) return [];
      const at = `${path}.${declared ? 'properties' : 'required'}.${name}`;
      const value = this.rule(declared ? properties[name] : additional, at, depth + 1);
      return [{ text: `${textLiteral(JSON.stringify(name))} ":" ${SPACE} ${value}`, required: required.has(name) }];
    });
    return `"{" ${this.#members(members)} "}"`;
  }

  /** The members of an object in their order; those that are not required may be missing. */
  #members(members: readonly { readonly text: string; readonly required: boolean }[]): string {
    let afterFirst = '';
    let first = '';
    for (const member of members.toReversed()) {
      const begun = `${member.text} ${afterFirst}`;
      const next = `"," ${SPACE} ${member.text}`;
      first = this.#add(member.required ? begun : `${begun} | ${first === '' ? '""' : first}`);
      afterFirst = this.#add(`${member.required ? next : `(${next})?`} ${afterFirst}`);
    }
    return first;
  }

  #map(additional: unknown, minimum: number, maximum: number | undefined, path: string, depth: number): string {
    if (minimum > 1)
      throw refused(path, `has minProperties ${minimum} without properties, which the engine cannot enforce`);
    if (additional === false || maximum === 0) {
      if (minimum > 0) throw refused(path, 'allows no property, but minProperties requires one');
      return '"{}"';
    }
    const member = this.#add(`string ":" ${SPACE} ${this.rule(additional, path, depth + 1)}`);
    return `"{" ${listOf(member, minimum, maximum)} "}"`;
  }

  #array(schema: Schema, { path, depth }: Place): string {
    const given = schema['items'];
    const tuple: readonly unknown[] = Array.isArray(schema['prefixItems'])
      ? schema['prefixItems']
      : Array.isArray(given)
        ? given
        : [];
    const rest = Array.isArray(given) ? (schema['additionalItems'] ?? true) : (given ?? true);
    const minimum = countOf(schema, 'minItems') ?? 0;
    const maximum = countOf(schema, 'maxItems');
    if (minimum > MAX_REPETITIONS)
      throw refused(path, `has minItems ${minimum}. The engine enforces at most ${MAX_REPETITIONS}`);
    if (maximum !== undefined && maximum < minimum) throw refused(path, 'has bounds that allow no array');
    if (schema['uniqueItems'] === true && (maximum ?? 2) > 1)
      throw refused(path, 'has uniqueItems, which the engine cannot enforce');
    const first = tuple
      .slice(0, maximum)
      .map((item, index) => this.rule(item, `${path}.prefixItems[${index}]`, depth + 1));
    const missing = Math.max(0, minimum - first.length);
    const room = maximum === undefined ? undefined : maximum - first.length;
    if (rest === false || room === 0) {
      if (missing > 0) throw refused(path, 'requires more items than it allows');
      return `"[" ${first.join(` "," ${SPACE} `)} "]"`;
    }
    const item = this.rule(rest, `${path}.items`, depth + 1);
    if (first.length === 0) return `"[" ${listOf(item, missing, room)} "]"`;
    return `"[" ${first.join(` "," ${SPACE} `)} ("," ${SPACE} ${item})${repeated(missing, room)} "]"`;
  }
}

interface Place {
  readonly path: string;
  readonly depth: number;
  readonly open: ReadonlySet<string>;
}

/** Keywords that restrict a value. Anything else beside a reference is an annotation. */
const CONSTRAINTS: ReadonlySet<string> = new Set([
  ...[
    'type',
    'const',
    'enum',
    'allOf',
    'anyOf',
    'oneOf',
    'not',
    'if',
    'properties',
    'required',
    'additionalProperties',
  ],
  ...['patternProperties', 'propertyNames', 'minProperties', 'maxProperties', 'dependentRequired', 'dependentSchemas'],
  ...['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems', 'uniqueItems', 'contains', 'unevaluatedItems'],
  ...[
    'minLength',
    'maxLength',
    'pattern',
    'format',
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'multipleOf',
  ],
]);

const REFUSED = [
  'not',
  'if',
  'patternProperties',
  'propertyNames',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
  'contains',
  '$dynamicRef',
];

function stringBody(schema: Schema, path: string): string {
  const minimum = countOf(schema, 'minLength') ?? 0;
  const maximum = countOf(schema, 'maxLength');
  if (minimum > MAX_REPETITIONS)
    throw refused(path, `has minLength ${minimum}. The engine enforces at most ${MAX_REPETITIONS}`);
  if (maximum !== undefined && maximum < minimum) throw refused(path, 'has bounds that allow no text');
  const format =
    typeof schema['format'] === 'string' && Object.hasOwn(FORMATS, schema['format'])
      ? FORMATS[schema['format']]
      : undefined;
  if (format === undefined && schema['pattern'] !== undefined) {
    throw refused(path, 'has pattern, which the engine cannot enforce without a format');
  }
  if (format === undefined) return `"\\"" char${repeated(minimum, maximum)} "\\""`;
  if (minimum > 1 || (maximum ?? 254) < 254)
    throw refused(path, `has format ${JSON.stringify(schema['format'])} and a length. The engine enforces one of them`);
  return `"\\"" ${format} "\\""`;
}

function listOf(item: string, minimum: number, maximum: number | undefined): string {
  if (maximum === 0) return '';
  const more = repeated(Math.max(0, minimum - 1), maximum === undefined ? undefined : maximum - 1);
  const list = `${item} ("," ${SPACE} ${item})${more}`;
  return minimum > 0 ? list : `(${list})?`;
}

function repeated(minimum: number, maximum: number | undefined): string {
  if (maximum !== undefined) return `{${minimum},${Math.min(maximum, MAX_REPETITIONS)}}`;
  return minimum === 0 ? '*' : `{${minimum},}`;
}

function boundsOf(schema: Schema) {
  const number = (keyword: string) => (typeof schema[keyword] === 'number' ? schema[keyword] : undefined);
  return {
    minimum: number('minimum'),
    maximum: number('maximum'),
    exclusiveMinimum: number('exclusiveMinimum'),
    exclusiveMaximum: number('exclusiveMaximum'),
  };
}

function countOf(schema: Schema, keyword: string): number | undefined {
  const count = schema[keyword];
  return typeof count === 'number' ? count : undefined;
}

function typesOf(schema: Schema): readonly string[] | undefined {
  const { type } = schema;
  if (typeof type === 'string') return [type];
  return Array.isArray(type) ? type.map(String) : undefined;
}

function inferredTypes(schema: Schema): readonly string[] | undefined {
  const has = (...keywords: readonly string[]) => keywords.some((keyword) => schema[keyword] !== undefined);
  if (has('properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties')) return ['object'];
  if (has('items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems')) return ['array'];
  if (has('minLength', 'maxLength', 'pattern', 'format')) return ['string'];
  if (has('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf')) return ['number'];
  return undefined;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return isSchema(value);
  return typeof value === type;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(path: string, problem: string): UnknownStructureError {
  return new UnknownStructureError(
    `The engine cannot enforce this JSON schema: ${path} ${problem}. Change it, or leave it out.`,
  );
}
