import * as z from 'zod';
import type { NamedSchemas } from '../apis/operation.ts';

type JsonSchema = z.core.JSONSchema.JSONSchema;

/**
 * Converts schemas to `components.schemas` of an OpenAPI document. A schema that contains another of them refers to it.
 *
 * @param options `unknownNulls`: whether objects may have members that they do not name, if these are `null`
 */
export function jsonSchemas(
  schemas: NamedSchemas,
  io: 'input' | 'output',
  { unknownNulls = false }: { readonly unknownNulls?: boolean } = {},
): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const made = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ jsonSchema }) => {
      dropBoundsOfIntegers(jsonSchema);
      if (unknownNulls && jsonSchema.additionalProperties === false) jsonSchema.additionalProperties = { type: 'null' };
    },
  });
  return Object.fromEntries(
    Object.entries(made.schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  );
}

/** Removes the bounds of safe integers, which zod adds to every integer. */
function dropBoundsOfIntegers(schema: JsonSchema): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}
