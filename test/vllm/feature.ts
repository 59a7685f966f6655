import { setTimeout as delay } from 'node:timers/promises';
import type { World } from './world.ts';

/** A check of one behaviour: returns its figures, or says what is wrong by throwing. */
export type Feature = readonly [check: string, run: (world: World) => Promise<string>];

export function must(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new Error(sentence);
}

/** Waits until no request runs, and the counters stand still. */
export async function idle(vllm: World['vllm']): Promise<void> {
  for (let same = 0, last = -1; same < 3; ) {
    await delay(150);
    const running = await vllm.counter('vllm:num_requests_running');
    const tokens = await vllm.counter('vllm:generation_tokens_total');
    same = running === 0 && tokens === last ? same + 1 : 0;
    last = tokens;
  }
}
