import {
  type CloudWatchLogsClient,
  DescribeLogStreamsCommand,
  GetLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { toAwsError } from '../../aws/aws-error.ts';

/** Log group of all training jobs. https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html */
const GROUP = '/aws/sagemaker/TrainingJobs';

/** Reads the log of the first host of a training job, from its start on: each call gives what is new. */
export class JobLog {
  readonly #logs: CloudWatchLogsClient;
  readonly #job: string;
  #stream: string | undefined;
  #next: string | undefined;

  constructor(logs: CloudWatchLogsClient, job: string) {
    this.#logs = logs;
    this.#job = job;
  }

  async read(): Promise<readonly string[]> {
    this.#stream ??= await this.#findStream();
    if (this.#stream === undefined) return [];
    const lines: string[] = [];
    for (;;) {
      const { events = [], nextForwardToken } = await this.#logs.send(
        new GetLogEventsCommand({
          logGroupName: GROUP,
          logStreamName: this.#stream,
          startFromHead: true,
          nextToken: this.#next,
        }),
      );
      for (const { message = '' } of events) lines.push(...message.split('\n').filter((line) => line.trim() !== ''));
      // The end is reached if the token stays the same.
      if (nextForwardToken === undefined || nextForwardToken === this.#next) return lines;
      this.#next = nextForwardToken;
    }
  }

  /** Streams are named `<job>/algo-1-<time>`, and appear with their first line. */
  async #findStream(): Promise<string | undefined> {
    try {
      const { logStreams = [] } = await this.#logs.send(
        new DescribeLogStreamsCommand({ logGroupName: GROUP, logStreamNamePrefix: `${this.#job}/algo-1-` }),
      );
      return logStreams
        .map(({ logStreamName = '' }) => logStreamName)
        .toSorted()
        .at(-1);
    } catch (cause) {
      if (toAwsError(cause).name === 'ResourceNotFoundException') return undefined;
      throw cause;
    }
  }
}
