import type { World } from './world.ts';
export async function recordStreams(_world: World): Promise<void> {}
