import type { AppDependencies } from '../context.ts';
import { loggableError } from '../errors/loggable-error.ts';

/** Updates each model's scaling if an update is due, so that metrics fall to 0 even if no request arrives. */
export async function tickLoads({ loads, log }: Pick<AppDependencies, 'loads' | 'log'>): Promise<void> {
  const all = new Set(loads?.values());
  await Promise.all(
    [...all].map(async ({ scaling }) => {
      await scaling.tick().catch((error: unknown) => {
        log('error', 'scaling not updated', { model: scaling.options.owner.modelId, ...loggableError(error) });
      });
    }),
  );
}
