import { existsSync, readFileSync } from 'node:fs';
import { type Calibration, calibrationSchema } from '../lambda/settings/calibration.ts';

/**
 * Reads the calibration beside a model file: `model.gguf` has `model.calibration.json`. Without that file, the model has none.
 *
 * @throws {Error} if the file is not a calibration
 */
export function calibrationBeside(modelPath: string): { readonly calibration?: Calibration } {
  const path = `${modelPath.replace(/\.gguf$/, '')}.calibration.json`;
  if (!existsSync(path)) return {};
  try {
    return { calibration: calibrationSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) };
  } catch (cause) {
    throw new Error(`${path} is not a calibration. Correct it (docs/adaptive.md has its fields), or remove it.`, {
      cause,
    });
  }
}
