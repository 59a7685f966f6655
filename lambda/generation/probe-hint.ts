import type { FormatIds } from '../forcing/format.ts';
import type { ServedModel } from '../models/served-model.ts';

/** Text after which a model gives its short answer, unless the format's own opening of a forced answer ends in such a text. */
const PROBE_HINT = 'Final Answer:';

/** What a probe appends after the forced opening of an answer, in the ids of a model. */
export async function probeHint({ forcedAnswerText }: FormatIds, model: ServedModel): Promise<readonly number[]> {
  return forcedAnswerText === '' ? await model.textIds(PROBE_HINT) : [];
}
