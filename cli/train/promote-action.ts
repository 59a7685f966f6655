import { SendTaskFailureCommand, SendTaskSuccessCommand } from '@aws-sdk/client-sfn';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import * as z from 'zod';
import { runFolder } from '../../lib/training/bucket-layout.ts';
import { toAwsError } from '../aws/aws-error.ts';
import { UsageError } from '../usage-error.ts';
import { Bucket } from '../weights/bucket.ts';
import { type CloudRuns, cloudRuns } from './cloud/cloud-runs.ts';
import { callAws } from './cloud/training-stack.ts';
import { configOf } from './find-run.ts';
import type { TrainValues } from './train-options.ts';

/** What the state AskApproval writes into the folder of the run. */
const approvalSchema = z.object({ token: z.string().min(1), report: z.string() });

/** `budgetforce train promote RUN`: a person's decision about a run that waits for it. */
export async function runPromote(values: TrainValues, [name, ...more]: readonly string[]): Promise<number> {
  if (name === undefined || more.length > 0)
    throw new UsageError('promote takes one run: budgetforce train promote RUN.');
  if (values.reason !== undefined && values.reject !== true)
    throw new UsageError('--reason is why a model is rejected: add --reject.');
  const runs = await cloudRuns(await configOf(values, name, 'promote'), values);
  const run = await runs.find(name);
  const { report } = await callAws(async () => {
    const { status } = await run.execution();
    const phase = status === 'RUNNING' ? await run.phase() : status?.toLowerCase().replace('_', ' ');
    if (phase !== 'waits for approval') throw new UsageError(`The run ${name} does not wait for approval: ${phase}.`);
    return await decide(runs, name, values);
  });
  const approved = values.reject !== true;
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ run: name, approved, report })}\n`
      : approved
        ? `${name} goes into service. npx budgetforce train status ${name} shows how far it is; npx budgetforce train roll-back is the way back.\n`
        : `${name} is rejected. Its weights stay in the bucket, and the service is as it was.\n`,
  );
  return 0;
}

async function decide(
  { place }: CloudRuns,
  run: string,
  { reject, reason }: TrainValues,
): Promise<{ readonly report: string }> {
  const { clients, stack } = place;
  const text = await new Bucket(clients.s3, stack.bucket).text(`${runFolder(run)}approval.json`);
  const approval = approvalSchema.safeParse(parseJson(text));
  if (!approval.success)
    throw new UsageError(
      `s3://${stack.bucket}/${runFolder(run)}approval.json has no token yet. Run the command again in a minute.`,
    );
  const { token: taskToken, report } = approval.data;
  const { Arn: by = 'unknown' } = await clients.sts.send(new GetCallerIdentityCommand());
  try {
    if (reject === true) {
      const cause = `${reason ?? 'no reason given'} (by ${by})`;
      await clients.steps.send(new SendTaskFailureCommand({ taskToken, error: 'Rejected', cause }));
    } else {
      const output = JSON.stringify({ approved: true, by });
      await clients.steps.send(new SendTaskSuccessCommand({ taskToken, output }));
    }
  } catch (cause) {
    if (!/^(?:TaskTimedOut|TaskDoesNotExist|InvalidToken)$/.test(toAwsError(cause).name)) throw cause;
    throw new UsageError(
      `The run ${run} does not wait for this approval any more: it was decided, or its time is over.`,
    );
  }
  return { report };
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}
