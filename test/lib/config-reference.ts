import * as z from 'zod';
import { configSchema } from '../../lib/config.ts';
import { accelerations } from '../../lib/serving/accelerations.ts';

interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

/** Renders docs/config.md from the schema: one row for each field, with its path, type, default and description. */
export function configReference(): string {
  // JSON Schema as zod writes it, which has no TypeScript type.
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Schema;
  return [
    '# The config of a stage',
    '',
    'One JSON file per stage, read by `npx cdk synth --context config=FILE.json` and `npx budgetforce plan FILE.json`. Unknown fields are refused. This page is generated from',
    'the schema in `lib/config.ts` by `npx vitest run test/lib/config-reference.test.ts -u`; the test fails if they differ. `[]` stands for each entry of a list.',
    '',
    '| field | type | default | description |',
    '| --- | --- | --- | --- |',
    ...rowsOf(schema, ''),
    '',
    '## Accelerations',
    '',
    'Gains and costs of each name in `models[].vllm.accelerations`, from [vLLM’s documentation](https://docs.vllm.ai/en/latest/features/); none was measured here. Budgets stay exact with all of them,',
    'because tokens are forced between calls of the server and counted by their ids.',
    '',
    '| name | gains | costs |',
    '| --- | --- | --- |',
    ...Object.entries(accelerations).map(
      ([name, { gains, costs }]) => `| \`${name}\` | ${cell(gains)} | ${cell(costs)} |`,
    ),
    '',
  ].join('\n');
}

function rowsOf(schema: Schema, path: string): string[] {
  const own = Object.entries(schema.properties ?? {})
    .filter(([name]) => name !== '$schema')
    .flatMap(([name, field]) => {
      const at = path === '' ? name : `${path}.${name}`;
      const required = schema.required?.includes(name) ?? false;
      const row = `| \`${at}\` | ${cell(typeOf(field))} | ${cell(defaultOf(field, required))} | ${cell(field.description ?? '')} |`;
      return [row, ...rowsOf(field, at)];
    });
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((variant) => rowsOf(variant, path));
  const items = schema.items === undefined ? [] : rowsOf(schema.items, `${path}[]`);
  return [...new Set([...own, ...variants, ...items])];
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(', ');
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants !== undefined) return [...new Set(variants.map(typeOf))].join(' or ');
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (schema.type === 'object' && schema.properties === undefined) return 'object';
  const range = [
    schema.minimum !== undefined && schema.minimum > Number.MIN_SAFE_INTEGER && `from ${schema.minimum}`,
    schema.exclusiveMinimum !== undefined && `over ${schema.exclusiveMinimum}`,
    schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER && `to ${schema.maximum}`,
    schema.pattern !== undefined && `\`${schema.pattern}\``,
  ].filter((part) => part !== false);
  return [schema.type ?? 'anything', ...range].join(' ');
}

function defaultOf({ default: value }: Schema, required: boolean): string {
  if (value !== undefined && !(typeof value === 'object' && value !== null && Object.keys(value).length === 0))
    return `\`${JSON.stringify(value)}\``;
  return required ? '**required**' : '';
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
