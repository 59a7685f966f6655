import { LayerVersion } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { SETTINGS_FILE } from '../../lambda/settings/read-settings.ts';
import { settingsCode } from '../bundles/program-code.ts';

/** Path of the settings file in a function that has the layer. */
export const SETTINGS_LAYER_PATH = `/opt/${SETTINGS_FILE}`;

/** Creates a layer with the settings file, for a function whose code is not this package's: such code cannot be changed at synth. */
export function createSettingsLayer(scope: Construct, id: string, settingsFile: string): LayerVersion {
  return new LayerVersion(scope, id, {
    description: 'Settings of the reasoning API',
    code: settingsCode(settingsFile),
  });
}
