import type { AppDependencies } from '../context.ts';
import { loggableError } from '../errors/loggable-error.ts';

/** Takes every model's scaling a step further where that is due, so that metrics fall to 0 where nobody asks. */
export async function tickLoads({ loads, log }: Pick<AppDependencies, 'loads' | 'log'>): Promise<void> {
  const all = new Set(loads?.values());
  await Promise.all(
    [...all].map(async ({ scaling }) => {
      await scaling.tick().catch((error: unknown) => {
        log('error', 'scaling not looked at', { model: scaling.options.owner.modelId, ...loggableError(error) });
      });
    }),
  );
}
