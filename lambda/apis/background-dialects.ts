import type { RunnerOptions } from '../background/runner.ts';
import { backgroundChat } from './chat/background.ts';
import { backgroundResponses } from './responses/background.ts';

/** What runs in the background, by the dialect of its request. */
export const backgroundDialects: RunnerOptions['dialects'] = { responses: backgroundResponses, chat: backgroundChat };
