import * as z from 'zod';
import { pageQuerySchema } from '../paging.ts';

export const fileQuerySchema = pageQuerySchema.extend({
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000).describe('Most files of the page.'),
  purpose: z.string().max(64).optional().describe('Only files of this purpose.'),
});
