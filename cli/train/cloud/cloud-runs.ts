import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { loadPrices } from '../../../lib/facts/prices.ts';
import { UsageError } from '../../usage-error.ts';
import type { TrainValues } from '../train-options.ts';
import { loadTrainable, type TrainableConfig } from '../trained-model.ts';
import type { ListedRun } from '../training-run.ts';
import { type CloudPlace, CloudRun } from './cloud-run.ts';
import { callAws, findStack, trainingClients } from './training-stack.ts';

/** Most runs that are listed: the newest. */
const LISTED = 50;

/** The runs of a deployment. */
export class CloudRuns {
  readonly trainable: TrainableConfig;
  readonly place: CloudPlace;

  constructor(trainable: TrainableConfig, place: CloudPlace) {
    this.trainable = trainable;
    this.place = place;
  }

  /** @throws {UsageError} if there is none without a name */
  async find(name: string | undefined): Promise<CloudRun> {
    if (name !== undefined) return new CloudRun(name, this.place);
    const [newest] = await this.list();
    if (newest !== undefined) return new CloudRun(newest.run, this.place);
    throw new UsageError(
      `There are no runs yet. Start one: budgetforce train start ${this.trainable.file} --data rows.jsonl.`,
    );
  }

  async list(): Promise<readonly ListedRun[]> {
    const { stateMachineArn } = this.place.stack;
    const { executions = [] } = await callAws(() =>
      this.place.clients.steps.send(new ListExecutionsCommand({ stateMachineArn, maxResults: LISTED })),
    );
    return await Promise.all(
      executions.map(async ({ name = '', status = 'RUNNING', startDate }) => ({
        run: name,
        place: 'AWS' as const,
        state:
          status === 'RUNNING'
            ? await callAws(() => new CloudRun(name, this.place).phase())
            : status.toLowerCase().replace('_', ' '),
        started: (startDate ?? new Date(0)).toISOString(),
      })),
    );
  }
}

/**
 * Finds the deployment of a config.
 *
 * @throws {UsageError} if the config cannot train, its stack is not deployed, or there are no credentials
 */
export async function cloudRuns(file: string, values: TrainValues): Promise<CloudRuns> {
  const trainable = loadTrainable(file);
  const { name: stage, region } = trainable.config;
  const clients = trainingClients(region, values.profile);
  const stack = await callAws(() => findStack(clients, `${stage}-training`, file));
  const prices = loadPrices(values.prices);
  return new CloudRuns(trainable, { clients, stack, stage, region, prices, configFile: file });
}
