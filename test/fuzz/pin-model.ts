/** Returns an OpenAPI document in which every field `model` can only be one model, so that generated requests reach it. */
export function pinModel(document: unknown, model: string): unknown {
  if (Array.isArray(document)) return document.map((entry) => pinModel(entry, model));
  if (typeof document !== 'object' || document === null) return document;
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => [
      name,
      name === 'properties' && isObject(value) && isObject(value['model']) && value['model']['type'] === 'string'
        ? { ...pinnedProperties(value, model), model: { type: 'string', const: model } }
        : pinModel(value, model),
    ]),
  );
}

function pinnedProperties(properties: Readonly<Record<string, unknown>>, model: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, pinModel(value, model)]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
