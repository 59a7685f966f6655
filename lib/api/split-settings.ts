import { Token, Tokenization } from 'aws-cdk-lib';
import {
  parseSettings,
  SETTINGS_FILE,
  SETTINGS_FILE_VARIABLE,
  type SettingsReference,
} from '../../lambda/settings/read-settings.ts';
import type { Settings } from '../../lambda/settings/settings.ts';

/** The two parts of the function's settings. */
export interface FunctionSettings {
  /** Text of the settings file: everything that is known at synth. */
  readonly file: string;
  /** All environment variables, among them the values of the settings that contain CDK tokens. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Splits settings into the file in the function's code and the environment. A string with a CDK token, which is known only at
 * deployment, becomes a variable named after its key: `tableName` becomes `BUDGETFORCE_TABLE_NAME`. Equal values share one.
 *
 * @param path path of the file in the function. If omitted, it is beside the code.
 */
export function splitSettings(settings: Settings, path?: string): FunctionSettings {
  const variables = new Map<string, string>();
  const text = JSON.stringify(
    settings,
    (key, value: unknown) =>
      typeof value === 'string' && Token.isUnresolved(value) ? referenceTo(variables, key, value) : value,
    2,
  );
  return {
    file: `${text}\n`,
    environment: {
      NODE_OPTIONS: '--enable-source-maps',
      ...(path !== undefined && { [SETTINGS_FILE_VARIABLE]: path }),
      ...Object.fromEntries(variables),
    },
  };
}

/**
 * Parses the settings as the function will, with a text in place of each token.
 *
 * @throws {Error} if the function could not parse them.
 */
export function assertParsable({ file, environment }: FunctionSettings): void {
  const deployed = Object.entries(environment).map(([name, value]) => [name, deployedText(value)]);
  parseSettings({ name: SETTINGS_FILE, text: file }, Object.fromEntries(deployed));
}

/**
 * Returns the size of environment variables, in bytes. A token is counted as 140 characters, which is the length of a
 * secret's ARN.
 */
export function environmentBytes(environment: Readonly<Record<string, string>>): number {
  return Object.entries(environment).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(withTokensAs(value, 'x'.repeat(140))),
    0,
  );
}

function referenceTo(variables: Map<string, string>, key: string, value: string): SettingsReference {
  const stem = `BUDGETFORCE_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
  for (let number = 1; ; number++) {
    const variable = number === 1 ? stem : `${stem}_${number}`;
    const taken = variables.get(variable);
    if (taken !== undefined && taken !== value) continue;
    variables.set(variable, value);
    return { variable };
  }
}

/** A text in place of a value that is unknown at synth. A value that is only a token may be anything, even a URL. */
function deployedText(value: string): string {
  return withTokensAs(value, '') === '' ? 'https://deployed.example/v1' : withTokensAs(value, 'deployed');
}

function withTokensAs(value: string, text: string): string {
  return Tokenization.reverseString(value)
    .mapTokens({ mapToken: () => text })
    .join({ join: (left: string | undefined, right: string | undefined) => `${left ?? ''}${right ?? ''}` });
}
