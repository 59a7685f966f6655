import * as z from 'zod';
import { isDeeperThan } from '../http/json-depth.ts';

/**
 * Limits of a JSON schema in a request, for the parameters of a tool and for the form of an answer. A model server compiles a schema to
 * a grammar, in time and memory that grow with these numbers. OpenAI allows 10 levels of objects and 1,000 enum values.
 *
 * Source: https://platform.openai.com/docs/guides/structured-outputs
 */
const schemaLimits = {
  /** Nesting of lists and objects in the schema's JSON. One level of properties is two. */
  depth: 128,
  /** Values of all `enum` lists together. */
  enumValues: 1_000,
  /** Objects, lists and values in the schema, at any depth. */
  nodes: 10_000,
  /** Keys and strings together, in characters. */
  characters: 200_000,
} as const;

/** A JSON schema within the limits. The model server validates what it says. */
export const jsonSchema = z.record(z.string(), z.unknown()).superRefine((schema, context) => {
  const message = excessOf(schema);
  if (message !== undefined) context.addIssue({ code: 'custom', message, input: undefined });
});

/** Which limit a schema exceeds, as the end of a sentence; `undefined` if none. Not recursive, and leaves off at the first excess. */
export function excessOf(schema: unknown): string | undefined {
  if (isDeeperThan(schema, schemaLimits.depth)) {
    return `is nested deeper than ${schemaLimits.depth} levels. Use a flatter schema, or $defs.`;
  }
  const rest: unknown[] = [schema];
  let nodes = 0;
  let characters = 0;
  let enumValues = 0;
  for (let value = rest.pop(); value !== undefined; value = rest.pop()) {
    nodes++;
    if (typeof value === 'string') characters += value.length;
    if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) {
        if (!Array.isArray(value)) characters += key.length;
        if (key === 'enum' && Array.isArray(member)) enumValues += member.length;
        rest.push(member);
      }
    }
    if (enumValues > schemaLimits.enumValues) {
      return `has more than ${schemaLimits.enumValues} enum values. Use a string, and list the values in its description.`;
    }
    if (nodes > schemaLimits.nodes) return `has more than ${schemaLimits.nodes} values. Use a smaller schema.`;
    if (characters > schemaLimits.characters) {
      return `has more than ${schemaLimits.characters} characters. Use a smaller schema.`;
    }
  }
  return undefined;
}
