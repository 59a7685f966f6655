/** Values that generated requests need, since no document can say which of them are there. */
export interface Pinned {
  readonly model: string;
  /** Id of an uploaded file. */
  readonly file: string;
  /** Ids of a vector store, and of a batch of its files. */
  readonly store?: string;
  readonly batch?: string;
  /** Id of an answer that is stored. */
  readonly answer?: string;
}

/** Returns an OpenAPI document in which every field `model` can only be one model, and files are the one that is there. */
export function pinValues(document: unknown, pinned: Pinned): unknown {
  if (Array.isArray(document)) return document.map((entry) => pinValues(entry, pinned));
  if (!isObject(document)) return document;
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => {
      if (name === 'properties' && isObject(value)) return [name, properties(value, pinned)];
      if (name.includes('/{batch}')) return [name, pinParameters(value, { id: pinned.store, batch: pinned.batch })];
      if (name === 'Feedback') return [name, pinId(value, pinned.answer)];
      return [name, pinValues(value, pinned)];
    }),
  );
}

/** The parameters of all operations of a path. */
function pinParameters(path: unknown, values: Readonly<Record<string, string | undefined>>): unknown {
  if (Array.isArray(path)) return path.map((entry) => pinParameters(entry, values));
  if (!isObject(path)) return path;
  const value = path['in'] === 'path' ? values[String(path['name'])] : undefined;
  if (value !== undefined) return { ...path, schema: { type: 'string', const: value } };
  return Object.fromEntries(Object.entries(path).map(([name, inner]) => [name, pinParameters(inner, values)]));
}

function pinId(schema: unknown, id: string | undefined): unknown {
  if (id === undefined || !isObject(schema)) return schema;
  if (Array.isArray(schema['oneOf']) || Array.isArray(schema['anyOf'])) {
    const name = Array.isArray(schema['oneOf']) ? 'oneOf' : 'anyOf';
    return { ...schema, [name]: (schema[name] as readonly unknown[]).map((one) => pinId(one, id)) };
  }
  if (!isObject(schema['properties'])) return schema;
  return { ...schema, properties: { ...schema['properties'], id: { type: 'string', const: id } } };
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
