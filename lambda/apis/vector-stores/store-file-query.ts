import * as z from 'zod';
import { pageQuerySchema } from '../paging.ts';

/** Query of a list of files in a store. */
export const storeFileQuerySchema = pageQuerySchema.extend({
  filter: z.enum(['in_progress', 'completed', 'failed', 'cancelled']).optional().describe('Only files in this state.'),
});
