import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeTrainingJobCommand,
  type DescribeTrainingJobCommandOutput,
  ListTrainingJobsCommand,
} from '@aws-sdk/client-sagemaker';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  GetExecutionHistoryCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { ResultFolder } from '../../../evaluate/folder/result-folder.ts';
import type { Prices } from '../../../lib/facts/prices.ts';
import { EVALUATIONS, runFolder } from '../../../lib/training/bucket-layout.ts';
import { isDenied, toAwsError } from '../../aws/aws-error.ts';
import { AnswerStore } from '../../eval/answer-store.ts';
import { UsageError } from '../../usage-error.ts';
import { TrainingLog } from '../training-log.ts';
import type { RunStatus, TrainingRun } from '../training-run.ts';
import { JobLog } from './job-log.ts';
import { phaseOf } from './phases.ts';
import { callAws, type TrainingClients, type TrainingStackOutputs } from './training-stack.ts';

/** Where a run is. */
export interface CloudPlace {
  readonly clients: TrainingClients;
  readonly stack: TrainingStackOutputs;
  /** Name of the config: the beginning of the names of jobs and models. */
  readonly stage: string;
  readonly region: string;
  readonly prices: Prices;
  /** Path of the config, for commands in messages. */
  readonly configFile: string;
}

const POLL_MS = 5_000;

/** A run of the state machine. */
export class CloudRun implements TrainingRun {
  readonly run: string;
  readonly #place: CloudPlace;

  constructor(run: string, place: CloudPlace) {
    this.run = run;
    this.#place = place;
  }

  get howToEvaluate(): string {
    return `write training.evaluation into ${this.#place.configFile} and deploy; the next run is evaluated`;
  }

  /** ARN of the execution, whose name is the run. */
  get arn(): string {
    return `${this.#place.stack.stateMachineArn.replace(':stateMachine:', ':execution:')}:${this.run}`;
  }

  /** @throws {UsageError} if there is no such run */
  async execution(): Promise<DescribeExecutionCommandOutput> {
    try {
      return await this.#place.clients.steps.send(new DescribeExecutionCommand({ executionArn: this.arn }));
    } catch (cause) {
      if (toAwsError(cause).name !== 'ExecutionDoesNotExist') throw cause;
      throw new UsageError(
        `There is no run ${this.run}. npx budgetforce train runs --config ${this.#place.configFile} lists them.`,
      );
    }
  }

  async status(): Promise<RunStatus> {
    return await callAws(async () => {
      const execution = await this.execution();
      const job = await this.#job();
      const progress = job === undefined ? undefined : (await this.#readLog(job.name)).progress();
      const phase = execution.status === 'RUNNING' ? await this.phase() : undefined;
      const trains = phase === 'training' && job?.described.TrainingJobStatus === 'InProgress';
      return {
        run: this.run,
        place: 'AWS',
        state: phase ?? (execution.status ?? 'unknown').toLowerCase().replace('_', ' '),
        started: (execution.startDate ?? new Date(0)).toISOString(),
        progress:
          progress === undefined ? undefined : { ...progress, secondsLeft: trains ? progress.secondsLeft : undefined },
        dollars: job === undefined ? undefined : dollarsOf(job.described, this.#place.prices),
        notes: this.#notes(execution, job?.described, phase),
      };
    });
  }

  #notes(
    execution: DescribeExecutionCommandOutput,
    job: DescribeTrainingJobCommandOutput | undefined,
    phase: string | undefined,
  ): readonly string[] {
    const { bucket } = this.#place.stack;
    const { error, cause } = execution;
    return [
      ...(phase === 'training' && job?.SecondaryStatus !== undefined
        ? [`Training job ${job.TrainingJobName}: ${job.SecondaryStatus}`]
        : []),
      ...(error === undefined ? [] : [`${error}: ${cause ?? ''}`]),
      ...(phase === 'waits for approval'
        ? [
            `Report: s3://${bucket}/${runFolder(this.run)}evaluation/report.md`,
            `To decide: npx budgetforce train promote ${this.run} --config ${this.#place.configFile}, or with --reject`,
          ]
        : []),
    ];
  }

  /** The phase of a running execution. */
  async phase(): Promise<string> {
    const { events = [] } = await this.#place.clients.steps.send(
      new GetExecutionHistoryCommand({
        executionArn: this.arn,
        reverseOrder: true,
        maxResults: 100,
        includeExecutionData: false,
      }),
    );
    const entered = events.find(({ stateEnteredEventDetails: details }) => details?.name !== undefined);
    return phaseOf(entered?.stateEnteredEventDetails?.name ?? 'Start');
  }

  /** The latest training job of the run: attempts after the first have a number at the end of their names. */
  async #job(): Promise<{ readonly name: string; readonly described: DescribeTrainingJobCommandOutput } | undefined> {
    const { sageMaker } = this.#place.clients;
    const first = `${this.#place.stage}-${this.run}`;
    const { TrainingJobSummaries: jobs = [] } = await sageMaker.send(
      new ListTrainingJobsCommand({
        NameContains: first,
        SortBy: 'CreationTime',
        SortOrder: 'Descending',
        MaxResults: 100,
      }),
    );
    const name = jobs
      .map(({ TrainingJobName: found = '' }) => found)
      .find(
        (found) => found === first || (found.startsWith(`${first}-r`) && /^\d+$/.test(found.slice(first.length + 2))),
      );
    if (name === undefined) return undefined;
    return { name, described: await sageMaker.send(new DescribeTrainingJobCommand({ TrainingJobName: name })) };
  }

  async #readLog(job: string): Promise<TrainingLog> {
    const log = new TrainingLog();
    try {
      for (const line of await new JobLog(this.#place.clients.logs, job).read()) log.add(line);
    } catch (cause) {
      // Without the right to read logs the status has no losses.
      if (!isDenied(toAwsError(cause))) throw cause;
    }
    return log;
  }

  async *logs(follow: boolean, signal: AbortSignal): AsyncGenerator<string> {
    let job: string | undefined;
    let log: JobLog | undefined;
    for (;;) {
      const { status } = await callAws(() => this.execution());
      const latest = (await callAws(() => this.#job()))?.name;
      if (latest !== undefined && latest !== job) {
        job = latest;
        log = new JobLog(this.#place.clients.logs, job);
      }
      const lines = log;
      if (lines !== undefined) yield* await callAws(() => lines.read());
      if (!follow || signal.aborted || status !== 'RUNNING') break;
      await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
    if (job === undefined && !follow)
      throw new UsageError(`The run ${this.run} has no training job yet, so it has no log.`);
  }

  async stop(): Promise<string> {
    return await callAws(async () => {
      const { status } = await this.execution();
      if (status !== 'RUNNING')
        throw new UsageError(`The run ${this.run} is not going: it is ${status?.toLowerCase().replace('_', ' ')}.`);
      await this.#place.clients.steps.send(
        new StopExecutionCommand({ executionArn: this.arn, error: 'Stopped', cause: 'budgetforce train stop' }),
      );
      return `Stopped ${this.run}. Step Functions stops its training job, which writes a checkpoint and ends within minutes; until then its instances are billed. A temporary component is deleted.`;
    });
  }

  async losses() {
    return await callAws(async () => {
      await this.execution();
      const job = await this.#job();
      return job === undefined ? [] : (await this.#readLog(job.name)).losses;
    });
  }

  async evaluations(): Promise<Readonly<Record<string, ResultFolder>>> {
    return await callAws(async () => {
      const { clients, stack, stage } = this.#place;
      const folder = await mkdtemp(join(tmpdir(), 'budgetforce-evaluations-'));
      const keys = await new AnswerStore(clients.s3, stack.bucket).restoreEach(
        `${EVALUATIONS}${stage}-${this.run}/`,
        folder,
      );
      const opened = keys.map(async (key) => [key, await ResultFolder.open(join(folder, key))] as const);
      return Object.fromEntries(await Promise.all(opened));
    });
  }
}

/** Billed until now, as an estimate: billed seconds if SageMaker says them, otherwise the time since the job began. */
function dollarsOf(job: DescribeTrainingJobCommandOutput, prices: Prices): RunStatus['dollars'] {
  const { InstanceType: type, InstanceCount: count = 1 } = job.ResourceConfig ?? {};
  const price = type === undefined ? undefined : prices.instances[type];
  const began = job.TrainingStartTime ?? job.CreationTime;
  if (price === undefined || began === undefined) return undefined;
  const ended = job.TrainingEndTime ?? new Date();
  const seconds = job.BillableTimeInSeconds ?? Math.max(0, (ended.getTime() - began.getTime()) / 1_000);
  const spot = job.EnableManagedSpotTraining === true && job.BillableTimeInSeconds === undefined;
  const share = spot ? 1 - prices.spotDiscount : 1;
  const minutes = `${(seconds / 60).toFixed(1)} min${job.BillableTimeInSeconds === undefined ? '' : ' billed'}`;
  return {
    value: (seconds / 3_600) * count * price * share,
    formula: `${minutes} × ${count} × ${type} × $${price}/h${spot ? ` × ${Math.round(share * 100)} % (spot, assumed)` : ''}, of the latest training job`,
  };
}
