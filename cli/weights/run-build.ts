import type { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  BatchGetBuildsCommand,
  type Build,
  type CodeBuildClient,
  ListBuildsForProjectCommand,
  StartBuildCommand,
} from '@aws-sdk/client-codebuild';
import * as z from 'zod';
import { isUnauthenticated, toAwsError } from '../aws/aws-error.ts';
import { UsageError } from '../usage-error.ts';
import type { Brought } from './bring-weights.ts';

export interface BuildClients {
  readonly cloudFormation: CloudFormationClient;
  readonly codeBuild: CodeBuildClient;
  readonly logs: CloudWatchLogsClient;
}

/** The stack of a bucket and of the project that fills it. */
export interface DeployedProject {
  readonly project: string;
  readonly bucket: string;
}

/** What is brought where. */
export interface BuildInput {
  /** Model of the hub, for instance `simplescaling/s1-32B`. */
  readonly model: string;
  readonly revision: string;
  /** Ends in a slash. */
  readonly prefix: string;
}

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** Called with each line of the build's log that the job wrote. */
  readonly onLine: (line: string) => void;
  /** @default 5,000 */
  readonly pollMs?: number | undefined;
}

/**
 * Finds the project that a config's stack deployed.
 *
 * @param config file of the config, for the command in the error
 * @throws {UsageError} if the stack is not deployed, or there are no credentials.
 */
export async function findProject(
  cloudFormation: CloudFormationClient,
  stackName: string,
  config: string,
): Promise<DeployedProject> {
  const deploy = `npx cdk deploy ${stackName} --context config=${config} --context allow=placeholder-bucket`;
  try {
    const { Stacks: [stack] = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stackName }));
    const output = (key: string) => stack?.Outputs?.find(({ OutputKey }) => OutputKey === key)?.OutputValue;
    const [project, bucket] = [output('ProjectName'), output('BucketName')];
    if (project !== undefined && bucket !== undefined) return { project, bucket };
    throw new UsageError(
      `The stack ${stackName} is ${stack?.StackStatus ?? 'unknown'} and has no project yet. Deploy it: ${deploy}`,
    );
  } catch (cause) {
    const error = toAwsError(cause);
    if (isUnauthenticated(error)) {
      throw new UsageError(
        'There are no valid credentials for AWS. Run aws configure sso, then export AWS_PROFILE=<its profile>.',
      );
    }
    if (error.name !== 'ValidationError') throw cause;
    throw new UsageError(
      `The stack ${stackName} is not deployed. Write "weights": {} into the config, then deploy it: ${deploy}`,
    );
  }
}

/**
 * Starts a build, or finds the one that already brings the same. A project runs one build at a time.
 *
 * @returns its id, and whether it ran before
 * @throws {UsageError} if a build of other weights runs.
 */
export async function startBuild(
  codeBuild: CodeBuildClient,
  project: string,
  input: BuildInput,
): Promise<{ readonly id: string; readonly isFollowed: boolean }> {
  const running = await findRunning(codeBuild, project);
  if (running?.id !== undefined) {
    const [wanted, found] = [sourceText(input), sourceText(inputOf(running))];
    if (wanted === found) return { id: running.id, isFollowed: true };
    throw new UsageError(
      `The project brings ${found} at the moment (${running.id}). Run the command again when it has ended, or stop it: aws codebuild stop-build --id ${running.id}`,
    );
  }
  const { build } = await codeBuild.send(
    new StartBuildCommand({
      projectName: project,
      environmentVariablesOverride: Object.entries(toEnvironment(input)).map(([name, value]) => ({ name, value })),
    }),
  );
  if (build?.id === undefined) throw new Error(`CodeBuild started no build of ${project}.`);
  return { id: build.id, isFollowed: false };
}

async function findRunning(codeBuild: CodeBuildClient, projectName: string): Promise<Build | undefined> {
  // The newest first. One build runs at a time, so it is among them.
  const { ids = [] } = await codeBuild.send(new ListBuildsForProjectCommand({ projectName, sortOrder: 'DESCENDING' }));
  const newest = ids.slice(0, 10);
  if (newest.length === 0) return undefined;
  const { builds = [] } = await codeBuild.send(new BatchGetBuildsCommand({ ids: newest }));
  return builds.find(({ buildStatus }) => buildStatus === 'IN_PROGRESS');
}

function toEnvironment({ model, revision, prefix }: BuildInput): Readonly<Record<string, string>> {
  return { MODEL: model, REVISION: revision, PREFIX: prefix };
}

function inputOf({ environment }: Build): BuildInput {
  const value = (name: string) =>
    environment?.environmentVariables?.find((variable) => variable.name === name)?.value ?? '';
  return { model: value('MODEL'), revision: value('REVISION'), prefix: value('PREFIX') };
}

function sourceText({ model, revision, prefix }: BuildInput): string {
  return `${model}@${revision} to ${prefix}`;
}

/** The line that `build-job.ts` prints. */
const broughtSchema = z.object({
  uri: z.string(),
  files: z.number(),
  bytes: z.number(),
  kept: z.number(),
  revision: z.string(),
});

/**
 * Follows a build until it ends. If the signal aborts, the build goes on.
 *
 * @throws {Error} with the job's own error if the build fails.
 */
export async function followBuild(
  { codeBuild, logs }: BuildClients,
  id: string,
  { signal, onLine, pollMs = 5_000 }: FollowOptions,
): Promise<Brought & { readonly revision: string }> {
  const tail = new LogTail(logs);
  for (;;) {
    const { builds: [build] = [] } = await codeBuild.send(new BatchGetBuildsCommand({ ids: [id] }));
    if (build === undefined) throw new Error(`CodeBuild does not know the build ${id} any more.`);
    for (const line of await tail.read(build)) onLine(line);
    if (build.buildStatus !== 'IN_PROGRESS') return resultOf(build, tail.lastError);
    await waitFor(pollMs, signal);
    if (signal.aborted)
      throw new Error(`The build ${id} goes on without this command. Run the same command again to follow it.`);
  }
}

function resultOf(build: Build, error: string | undefined): Brought & { readonly revision: string } {
  const text = build.exportedEnvironmentVariables?.find(({ name }) => name === 'BROUGHT')?.value;
  const result = broughtSchema.safeParse(parseJson(text)).data;
  if (build.buildStatus === 'SUCCEEDED' && result !== undefined) return result;
  const failed = build.phases?.find(({ phaseStatus }) => phaseStatus !== undefined && phaseStatus !== 'SUCCEEDED');
  const reason = error ?? failed?.contexts?.[0]?.message ?? 'it says no reason';
  const hint =
    build.buildStatus === 'TIMED_OUT'
      ? ' Run the same command again: what is in the bucket is kept. For more time write weights.maxHours and deploy.'
      : '';
  throw new Error(
    `The build ended as ${build.buildStatus}: ${reason}.${hint} Its log: ${build.logs?.deepLink ?? build.id}`,
  );
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}

/** Reads what a build has logged since the last time. */
class LogTail {
  readonly #logs: CloudWatchLogsClient;
  #next: string | undefined;
  lastError: string | undefined;

  constructor(logs: CloudWatchLogsClient) {
    this.#logs = logs;
  }

  async read({ logs }: Build): Promise<readonly string[]> {
    const { groupName: logGroupName, streamName: logStreamName } = logs ?? {};
    if (logGroupName === undefined || logStreamName === undefined) return [];
    const lines: string[] = [];
    for (;;) {
      const nextToken = this.#next;
      const page = await this.#logs
        .send(new GetLogEventsCommand({ logGroupName, logStreamName, startFromHead: true, nextToken }))
        .catch((cause: unknown) => {
          // The stream appears with its first line. Without the right to read it, only the result is shown.
          const { name, status } = toAwsError(cause);
          if (name === 'ResourceNotFoundException' || name === 'AccessDeniedException' || status === 403)
            return undefined;
          throw cause;
        });
      if (page === undefined) return lines;
      for (const { message = '' } of page.events ?? []) {
        const line = message.trim();
        // CodeBuild's own lines begin with [Container].
        if (line === '' || line.startsWith('[Container]')) continue;
        if (line.startsWith('error: ')) this.lastError = line.slice('error: '.length).replace(/\.$/, '');
        lines.push(line);
      }
      // The end is reached if the token stays the same.
      if (page.nextForwardToken === nextToken) return lines;
      this.#next = page.nextForwardToken;
      if ((page.events ?? []).length === 0) return lines;
    }
  }
}

async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
