import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../../usage-error.ts';

/** Python files: in the repository, or beside the code of the published package. */
const TRAINING = fileURLToPath(new URL('../../../training', import.meta.url));
const MODEL = fileURLToPath(new URL('../../../local/model/budgetforce-tiny.gguf', import.meta.url));

export const trainingFiles = {
  requirements: join(TRAINING, 'sft/requirements.txt'),
  train: join(TRAINING, 'sft/train.py'),
  export: join(TRAINING, 'sft/export.py'),
  environment: join(TRAINING, 'environment.sh'),
} as const;

/** What only the repository has: the embedded model, and what makes rows for it. */
export const repositoryFiles = {
  exportSafetensors: join(TRAINING, 'export_safetensors.py'),
  skill: join(TRAINING, 'sft/skill.py'),
} as const;

/** @throws {UsageError} if this is the published package, which has no embedded model */
export function requireEmbeddedModel(): void {
  if (existsSync(MODEL)) return;
  throw new UsageError(
    'The embedded model and its example rows are in the repository of Budgetforce, not in this package. Give --model FOLDER and --data rows.jsonl.',
  );
}
