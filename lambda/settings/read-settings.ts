import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { type Settings, settingsSchema } from './settings.ts';

/**
 * Settings have two parts, of one schema. A file beside the function's code holds what is known when the app is synthesized: models,
 * budgets, timeouts. The environment holds what is known only at deployment, such as the ARN of a secret; in the file
 * `{ "variable": "NAME" }` stands for such a value. docs/decisions/0017-settings-in-two-parts.md says why.
 */

/** Name of the settings file in the folder of the function's code. */
export const SETTINGS_FILE = 'settings.json';

/** Environment variable with the path of the settings file, if it is not beside the code. */
export const SETTINGS_FILE_VARIABLE = 'BUDGETFORCE_SETTINGS_FILE';

type Environment = Readonly<Record<string, string | undefined>>;

/** Value of the environment, in the file. */
const referenceSchema = z.strictObject({ variable: z.string().regex(/^[A-Z][A-Z0-9_]*$/) });
export type SettingsReference = z.infer<typeof referenceSchema>;

/**
 * Reads the settings of the function.
 *
 * @param besideCode path of the settings file, if `BUDGETFORCE_SETTINGS_FILE` is not set
 * @throws {Error} that names the file or the variable.
 */
export function readSettings(environment: Environment, besideCode: string): Settings {
  const name = environment[SETTINGS_FILE_VARIABLE] ?? besideCode;
  let text: string;
  try {
    text = readFileSync(name, 'utf8');
  } catch (cause) {
    throw new Error(
      `The settings file ${name} cannot be read. Deploy it beside the function's code, or set ${SETTINGS_FILE_VARIABLE} to its path.`,
      { cause },
    );
  }
  return parseSettings({ name, text }, environment);
}

/**
 * Parses the settings file together with the environment.
 *
 * @throws {Error} that names the file or the variable, the path, what was expected and what was received.
 */
export function parseSettings(
  { name, text }: { readonly name: string; readonly text: string },
  environment: Environment,
): Settings {
  const variables = new Map<string, string>();
  const parsed = settingsSchema.safeParse(resolve(parseJson(name, text), [], { environment, name, variables }));
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ message, path }) => {
    const at = toDotPath(path);
    const variable = variables.get(at);
    const place = at === '' ? '' : `\n  → at ${at}`;
    return `${message}${place}${variable === undefined ? '' : `, from the environment variable ${variable}`}`;
  });
  throw new Error(`The settings in ${name} are not valid:\n${lines.join('\n')}`);
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`The settings file ${name} is not JSON: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

/** Replaces each reference by the value of its variable, and records which variable a path came from. */
function resolve(
  value: unknown,
  path: readonly (string | number)[],
  from: { readonly environment: Environment; readonly name: string; readonly variables: Map<string, string> },
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((entry, index) => resolve(entry, [...path, index], from));
  const reference = referenceSchema.safeParse(value);
  if (!reference.success) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, resolve(entry, [...path, key], from)]));
  }
  const { variable } = reference.data;
  const at = toDotPath(path);
  from.variables.set(at, variable);
  const resolved = from.environment[variable];
  if (resolved === undefined)
    throw new Error(`The environment variable ${variable} is not set, but ${from.name} takes ${at} from it.`);
  return resolved;
}

/** Formats a path as `models[0].id`. (zod's own function would bundle all of zod, with its languages.) */
function toDotPath(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}
