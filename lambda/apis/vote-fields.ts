import * as z from 'zod';

/** Maximum of `n`, in samples. */
export const MAX_SAMPLES = 16;

const votes = z.int().min(1).max(MAX_SAMPLES);

/** Fields of a vote, an extension of every dialect. `n` is a field of the dialect. */
export const voteFields = {
  vote: z
    .boolean()
    .nullish()
    .describe('Responds with the answer that most of `n` samples agree on. An extension of the dialect.'),
  vote_until: z
    .union([z.strictObject({ lead: votes }), z.strictObject({ agree: votes })])
    .nullish()
    .describe(
      'With `vote`: ends the vote when the first answer leads the second by `lead` votes, or `agree` samples agree, or no other answer can win. Samples that still run are aborted.',
    ),
  vote_weights: z
    .enum(['equal', 'confidence'])
    .nullish()
    .describe('With `vote`: whether each vote counts 1, or as much as its sample is confident (0 to 1).'),
} as const;

/** `n` of a dialect whose responses have one answer. */
export const votedSamples = z
  .int()
  .min(1)
  .max(MAX_SAMPLES)
  .nullish()
  .describe(
    'Number of samples of a vote, each with its own budget. Above 1 it requires `vote`, since a response has one answer.',
  );
