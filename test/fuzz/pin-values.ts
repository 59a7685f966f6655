/** Values that generated requests need, since no document can say which of them are there. */
export interface Pinned {
  readonly model: string;
  /** Id of an uploaded file. */
  readonly file: string;
}

/** Returns an OpenAPI document in which every field `model` can only be one model, and files are the one that is there. */
export function pinValues(document: unknown, pinned: Pinned): unknown {
  if (Array.isArray(document)) return document.map((entry) => pinValues(entry, pinned));
  if (!isObject(document)) return document;
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => [
      name,
      name === 'properties' && isObject(value) ? properties(value, pinned) : pinValues(value, pinned),
    ]),
  );
}

function properties(of: Readonly<Record<string, unknown>>, pinned: Pinned): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(of).map(([name, schema]) => {
      if (name === 'model' && isText(schema)) return [name, { type: 'string', const: pinned.model }];
      if (name === 'file_id' && isText(schema)) return [name, { type: 'string', const: pinned.file }];
      if (name === 'file_ids') return [name, pinItems(schema, pinned.file)];
      return [name, pinValues(schema, pinned)];
    }),
  );
}

/** The items of a list of texts, which may stand beside null. */
function pinItems(schema: unknown, value: string): unknown {
  if (Array.isArray(schema)) return schema.map((one) => pinItems(one, value));
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([name, inner]) => [
      name,
      name === 'items' && isText(inner) ? { type: 'string', const: value } : pinItems(inner, value),
    ]),
  );
}

function isText(schema: unknown): boolean {
  return isObject(schema) && schema['type'] === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
