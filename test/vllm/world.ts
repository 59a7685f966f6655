import type { Client } from './client.ts';
import type { Tap } from './tap.ts';
import type { VllmServer } from './vllm-server.ts';

/** How Budgetforce reaches vLLM. */
export const paths = ['HTTP', '/invocations'] as const;
export type Path = (typeof paths)[number];

/** Everything that a check may use. */
export interface World {
  readonly path: Path;
  readonly client: Client;
  /** Serves the same vLLM by the name of a LoRA adapter while `use` runs. */
  readonly withAdapter: <Result>(use: (client: Client) => Promise<Result>) => Promise<Result>;
  readonly vllm: VllmServer;
  readonly tap: Tap;
  readonly questions: readonly string[];
  /** Text of ids, control tokens included. */
  readonly decode: (ids: readonly number[]) => string;
  /** Number of random requests, and how many run at the same time. */
  readonly requests: number;
  readonly parallel: number;
}

/** Outcome of one check: what was measured, and what was wrong. */
export interface Row {
  readonly check: string;
  readonly figures: string;
  readonly wrong: readonly string[];
}

/** Runs `work` for each item, `parallel` at the same time. Keeps the order. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  parallel: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (const [index, item] of queue) results[index] = await work(item, index);
    }),
  );
  return results;
}
