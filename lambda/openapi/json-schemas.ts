import * as z from 'zod';
import type { NamedSchemas } from '../apis/operation.ts';

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** Schemas as `components.schemas` of an OpenAPI document; a schema that names another of them refers to it. */
export function jsonSchemas(schemas: NamedSchemas, io: 'input' | 'output'): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const made = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ jsonSchema }) => dropBoundsOfIntegers(jsonSchema),
  });
  return Object.fromEntries(
    Object.entries(made.schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  );
}

/** Drops the bounds of safe integers, which zod writes: every reader of JSON knows them. */
function dropBoundsOfIntegers(schema: JsonSchema): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}
