import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import * as z from 'zod';
import { SERVICE_FILE } from '../../lib/training/bucket-layout.ts';
import { confirm } from '../confirm.ts';
import { UsageError } from '../usage-error.ts';
import { Bucket } from '../weights/bucket.ts';
import { cloudRuns } from './cloud/cloud-runs.ts';
import { callAws } from './cloud/training-stack.ts';
import { configArgument } from './config-argument.ts';
import { writeRecord } from './run-record.ts';
import type { TrainValues } from './train-options.ts';

const serviceSchema = z.object({
  modelName: z.string(),
  run: z.string(),
  previousModelName: z.string().min(1),
  previousRun: z.string(),
});

/** `budgetforce train roll-back CONFIG.json`: puts the weights into service that were there before the last promotion. */
export async function runRollBack(values: TrainValues, rest: readonly string[]): Promise<number> {
  const file = configArgument('roll-back', values, rest);
  const { place } = await cloudRuns(file, values);
  const { clients, stack } = place;
  const text = await callAws(() => new Bucket(clients.s3, stack.bucket).text(SERVICE_FILE));
  const service = serviceSchema.safeParse(text === undefined ? undefined : JSON.parse(text));
  if (!service.success) throw new UsageError('There is nothing to roll back: no run has put weights into service.');
  const { run, modelName, previousRun, previousModelName } = service.data;
  const [now, former] = [weightsText(run, modelName), weightsText(previousRun, previousModelName)];
  await confirm(`Replace ${now} by ${former} in service?`, values.yes);
  const name = `roll-back-${new Date().toISOString().slice(0, 19).replaceAll(/\D/g, '')}`;
  await callAws(() =>
    clients.steps.send(
      new StartExecutionCommand({
        stateMachineArn: stack.stateMachineArn,
        name,
        input: JSON.stringify({ rollBack: true }),
      }),
    ),
  );
  await writeRecord(values.runs, {
    kind: 'cloud',
    run: name,
    created: new Date().toISOString(),
    data: '',
    config: file,
  });
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ run: name, from: modelName, to: previousModelName })}\n`
      : `${now.replace(/^t/, 'T')} are replaced by ${former}. npx budgetforce train status ${name} shows how far it is.\n`,
  );
  return 0;
}

/** Weights by the run that trained them. Those of a deployment have none. */
function weightsText(run: string, modelName: string): string {
  return run === '' ? `the deployed weights (${modelName})` : `the weights of run ${run}`;
}
