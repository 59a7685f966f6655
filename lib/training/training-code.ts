import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { IgnoreMode } from 'aws-cdk-lib';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';

/** Files of the training script that a job needs. A test compares them with what `train.py` imports. */
const jobFiles = [
  'launch.py',
  'train.py',
  'options.py',
  'callbacks.py',
  'checkpoints.py',
  'data.py',
  'preference.py',
  'reward.py',
  'grading.py',
  'export.py',
  'formats.json',
  'requirements.txt',
];

/** Folder of the training script: of the source, or beside the code of the published package. */
const trainingFolder = fileURLToPath(new URL('../../training/sft', import.meta.url));

/** The training script as one zip file in the bucket of CDK's assets. */
export function trainingCode(scope: Construct, id: string): Asset {
  const missing = jobFiles.filter((file) => !existsSync(`${trainingFolder}/${file}`));
  if (missing.length > 0) throw new Error(`${trainingFolder} has no ${missing.join(', ')}.`);
  return new Asset(scope, id, {
    path: trainingFolder,
    exclude: ['*', ...jobFiles.map((file) => `!${file}`)],
    ignoreMode: IgnoreMode.GIT,
  });
}
