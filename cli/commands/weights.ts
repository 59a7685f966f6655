import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { CodeBuildClient } from '@aws-sdk/client-codebuild';
import { S3Client } from '@aws-sdk/client-s3';
import { hostedPart, loadConfig } from '../../lib/config.ts';
import { defineCommand } from '../command.ts';
import { UsageError } from '../usage-error.ts';
import { type Brought, bringWeights } from '../weights/bring-weights.ts';
import { Bucket } from '../weights/bucket.ts';
import { folderFiles } from '../weights/folder-files.ts';
import { hubFiles } from '../weights/hub-files.ts';
import { gigabytes, ProgressLine } from '../weights/progress-line.ts';
import { findProject, followBuild, startBuild } from '../weights/run-build.ts';
import { writeUri } from '../weights/write-uri.ts';

/** `budgetforce weights`. */
export const weightsCommand = defineCommand({
  name: 'weights',
  description:
    'Brings the weights of a model into a bucket of the config’s region, and writes their URI into the config. From the Hugging Face hub, at one commit, or from a folder. Checks layout, sizes and SHA-256. Nothing is stored on this machine. Safe to run again: what is there is kept, and an interrupted upload goes on.',
  arguments: 'CONFIG.json',
  options: {
    bucket: { type: 'string', placeholder: 'NAME', description: 'bucket in the region of the config' },
    codebuild: {
      type: 'boolean',
      description: 'bring them inside AWS, by the project of the stack <name>-weights: for a slow connection',
    },
    prefix: {
      type: 'string',
      placeholder: 'PATH',
      defaultText: 'the id of the model',
      description: 'folder in the bucket',
    },
    model: { type: 'string', placeholder: 'ID', defaultText: 'the only one', description: 'model of the config' },
    from: {
      type: 'string',
      placeholder: 'SOURCE',
      defaultText: 'source.id and source.revision of the config',
      description: 'a folder, or a model on the hub with its revision, for instance simplescaling/s1-32B@main',
    },
    profile: {
      type: 'string',
      placeholder: 'NAME',
      defaultText: 'the variable AWS_PROFILE, or the default one',
      description: 'profile of ~/.aws/config',
    },
    'keep-config': { type: 'boolean', description: 'leave the config as it is' },
    json: { type: 'boolean', description: 'print what was brought as one JSON line' },
  },
  note: 'HF_TOKEN is the token for gated models, HF_ENDPOINT another address of the hub. It needs s3:ListBucket, s3:GetObject, s3:PutObject, s3:ListBucketMultipartUploads, s3:ListMultipartUploadParts and s3:AbortMultipartUpload on the bucket. With --codebuild it needs cloudformation:DescribeStacks, codebuild:StartBuild, codebuild:BatchGetBuilds, codebuild:ListBuildsForProject and logs:GetLogEvents instead; interrupted, the build goes on, and the same command follows it.',
  exitCodes: ['the weights are in the bucket', 'interrupted or failed'],
  async run({ values, positionals }) {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0)
      throw new UsageError('Give one config: budgetforce weights CONFIG.json.');
    if (values.bucket === undefined && values.codebuild !== true) {
      throw new UsageError('Give the bucket: --bucket NAME. Or let the stack of the config do it: --codebuild.');
    }
    const config = loadConfig(file);
    const models = hostedPart(config)?.models ?? [];
    const model =
      values.model === undefined && models.length === 1 ? models[0] : models.find(({ id }) => id === values.model);
    if (model === undefined) {
      throw new UsageError(
        `Give a model that the endpoint of the config hosts: --model ${models.map(({ id }) => id).join(' or ') || '…'}.`,
      );
    }
    const from =
      values.from ??
      (model.source.kind === 'hub' ? `${model.source.id}@${model.source.revision ?? 'main'}` : undefined);
    const prefix = `${(values.prefix ?? model.id)
      .split('/')
      .filter((part) => part !== '')
      .join('/')}/`;
    const settings = { region: config.region, ...(values.profile === undefined ? {} : { profile: values.profile }) };
    const interrupted = new AbortController();
    const stop = () => interrupted.abort(new Error('Interrupted. Run the same command again to go on.'));
    process.once('SIGINT', stop);
    let brought: Brought & { readonly revision?: string | undefined };
    try {
      brought =
        values.codebuild === true
          ? await bringInside(
              settings,
              { file, stack: `${config.name}-weights`, bucket: values.bucket },
              from,
              prefix,
              interrupted.signal,
            )
          : await bringFromHere(settings, values.bucket ?? '', from, prefix, interrupted.signal);
    } finally {
      process.off('SIGINT', stop);
    }
    if (values['keep-config'] !== true) await writeUri(file, model.id, brought.uri);
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify(brought)}\n`
        : `${brought.uri}: ${brought.files} files, ${gigabytes(brought.bytes)}; ${brought.kept} were there already.\n` +
            (values['keep-config'] === true ? '' : `Written into ${file} as source of ${model.id}.\n`),
    );
    return 0;
  },
});

interface Settings {
  readonly region: string;
  readonly profile?: string;
}

async function bringFromHere(
  settings: Settings,
  bucketName: string,
  from: string | undefined,
  prefix: string,
  signal: AbortSignal,
): Promise<Brought & { readonly revision?: string }> {
  const source = await sourceOf(from);
  const bucket = new Bucket(new S3Client(settings), bucketName);
  await bucket.check(settings.region);
  const progress = new ProgressLine();
  try {
    const brought = await bringWeights(source.files, bucket, prefix, {
      onProgress: (state) => progress.show(state),
      signal,
    });
    return { ...brought, ...(source.revision === undefined ? {} : { revision: source.revision }) };
  } finally {
    progress.end();
  }
}

/** Brings a model of the hub inside AWS, by the project of the config's stack. */
async function bringInside(
  settings: Settings,
  { file, stack, bucket }: { readonly file: string; readonly stack: string; readonly bucket: string | undefined },
  from: string | undefined,
  prefix: string,
  signal: AbortSignal,
): Promise<Brought & { readonly revision: string }> {
  const [, model, revision] = HUB.exec(from ?? '') ?? [];
  if (model === undefined || revision === undefined) {
    throw new UsageError(
      'A build inside AWS reads the Hugging Face hub, not folders of this machine: give --from OWNER/NAME@REVISION.',
    );
  }
  const clients = {
    cloudFormation: new CloudFormationClient(settings),
    codeBuild: new CodeBuildClient(settings),
    logs: new CloudWatchLogsClient(settings),
  };
  const deployed = await findProject(clients.cloudFormation, stack, file);
  if (bucket !== undefined && bucket !== deployed.bucket) {
    throw new UsageError(
      `The project of ${stack} fills the bucket ${deployed.bucket}: leave out --bucket, or write weights.bucket "${bucket}" into the config and deploy.`,
    );
  }
  const { id, isFollowed } = await startBuild(clients.codeBuild, deployed.project, { model, revision, prefix });
  process.stderr.write(isFollowed ? `Follows the build that runs already: ${id}\n` : `Started the build ${id}\n`);
  return await followBuild(clients, id, {
    signal,
    onLine: (line) => process.stderr.write(`${line}\n`),
  });
}

/** A model on the hub with its revision. */
const HUB = /^([\w.-]+\/[\w.-]+)@([\w./-]+)$/;

/** Files of a folder, or of a model on the hub (`owner/name@revision`). */
async function sourceOf(from: string | undefined) {
  if (from === undefined) {
    throw new UsageError(
      'Say where the weights are: --from FOLDER, or --from OWNER/NAME@REVISION of the Hugging Face hub.',
    );
  }
  const hub = HUB.exec(from);
  if (hub === null) return { files: await folderFiles(from), revision: undefined };
  return await hubFiles(hub[1] ?? '', hub[2] ?? '');
}
