import type { Schema } from './api-document.ts';
import { element } from './element.ts';

/** The fields of a schema as a list. Fields of nested objects are folded. */
export function showSchema(schema: Schema, schemas: Readonly<Record<string, Schema>>): Node {
  const whole = resolve(schema, schemas);
  const alternatives = objectsOf(whole, schemas);
  const [only] = alternatives;
  if (alternatives.length === 1 && only !== undefined) return fieldsOf(only, schemas);
  if (alternatives.length === 0) return element('p', { className: 'hint' }, typeOf(whole, schemas));
  return element('div', {}, ...alternatives.map((each) => folded(nameOf(each), () => fieldsOf(each, schemas))));
}

function fieldsOf(schema: Schema, schemas: Readonly<Record<string, Schema>>): Node {
  const list = element('ul', { className: 'fields' });
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const required = schema.required?.includes(name) === true;
    const row = element(
      'li',
      {},
      element('code', {}, name),
      ' ',
      element('span', { className: 'type' }, typeOf(field, schemas)),
      ...(required ? [element('span', { className: 'required' }, ' required')] : []),
    );
    const description = field.description ?? resolve(field, schemas).description;
    if (description !== undefined) row.append(prose(description));
    const inner = objectsOf(resolve(field, schemas), schemas).filter((each) => each.properties !== undefined);
    for (const each of inner)
      row.append(folded(inner.length === 1 ? 'Fields' : nameOf(each), () => fieldsOf(each, schemas)));
    list.append(row);
  }
  return list;
}

/** A paragraph of text with `code` in backticks. */
export function prose(text: string): HTMLParagraphElement {
  const pieces = text.split('`');
  return element('p', {}, ...pieces.map((piece, index) => (index % 2 === 1 ? element('code', {}, piece) : piece)));
}

/** Makes its contents when it is opened, since schemas may be deep. */
function folded(title: string, contents: () => Node): HTMLDetailsElement {
  const details = element('details', {}, element('summary', {}, title));
  details.addEventListener('toggle', () => details.append(contents()), { once: true });
  return details;
}

function resolve(schema: Schema, schemas: Readonly<Record<string, Schema>>): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (schemas[name] ?? schema);
}

/** The objects that a value may be, or that its items may be. */
function objectsOf(schema: Schema, schemas: Readonly<Record<string, Schema>>): readonly Schema[] {
  const whole = resolve(schema, schemas);
  if (whole.properties !== undefined) return [whole];
  if (whole.items !== undefined) return objectsOf(whole.items, schemas);
  return [...(whole.anyOf ?? []), ...(whole.oneOf ?? [])].flatMap((each) => objectsOf(each, schemas));
}

/** Name of an alternative: its constant fields, or its first three fields. */
function nameOf({ properties }: Schema): string {
  const fixed = Object.entries(properties ?? {}).filter(([, field]) => field.const !== undefined);
  if (fixed.length > 0) return fixed.map(([name, field]) => `${name} ${JSON.stringify(field.const)}`).join(', ');
  return Object.keys(properties ?? {})
    .slice(0, 3)
    .join(', ');
}

function typeOf(schema: Schema, schemas: Readonly<Record<string, Schema>>): string {
  const whole = resolve(schema, schemas);
  if (whole.const !== undefined) return JSON.stringify(whole.const);
  if (whole.enum !== undefined) return whole.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (whole.items !== undefined) return `list of ${typeOf(whole.items, schemas)}`;
  const alternatives = [...(whole.anyOf ?? []), ...(whole.oneOf ?? [])];
  if (alternatives.length > 0) return [...new Set(alternatives.map((each) => typeOf(each, schemas)))].join(' | ');
  const type = typeof whole.type === 'string' ? whole.type : (whole.type ?? ['any']).join(' | ');
  return `${type}${rangeOf(whole)}`;
}

function rangeOf({ minimum, maximum, exclusiveMinimum, maxLength, maxItems }: Schema): string {
  const max = maximum ?? maxLength ?? maxItems;
  const min = exclusiveMinimum === undefined ? minimum : exclusiveMinimum;
  const from = min === undefined ? '' : exclusiveMinimum === undefined ? `${min}` : `above ${min}`;
  if (from === '' && max === undefined) return '';
  return ` (${from === '' ? `up to ${max}` : max === undefined ? `from ${from}` : `${from} to ${max}`})`;
}
