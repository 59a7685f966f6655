import fc from 'fast-check';
import type { ForcingPlan } from '../../../lambda/forcing/plan.ts';
import type { ServerScript } from './simulated-server.ts';
import { bytes, END_OF_TEXT, FOREIGN_END, format, IM_END, IM_START, newDecoder, WAIT } from './tiny-vocabulary.ts';

/** The output of a model with a byte-level vocabulary: whole characters, with control tokens between them. */
const character = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'ab 1\n').map(bytes) },
  { weight: 2, arbitrary: fc.constantFrom('é', '🤔', '<|im_', '<|im_start|>', '<').map(bytes) },
  { weight: 1, arbitrary: fc.constantFrom(WAIT, IM_START, IM_END, END_OF_TEXT, FOREIGN_END).map((id) => [id]) },
);

/** The output of a server that may break. */
export const script: fc.Arbitrary<ServerScript> = fc.record({
  tokens: fc.array(character, { maxLength: 80 }).map((characters) => characters.flat()),
  pieceSizes: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 }).map((sizes) => [...sizes, 1]),
  breaksAfter: fc
    .array(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 12 })), { maxLength: 4 })
    .map((pairs) => new Map(pairs)),
  textLags: fc.boolean(),
  writesEnds: fc.boolean(),
});

const limits = fc
  .record({
    maxTokens: fc.integer({ min: 0, max: 60 }),
    minShare: fc.integer({ min: 0, max: 100 }),
    waits: fc.integer({ min: 0, max: 5 }),
    maxAnswerTokens: fc.integer({ min: 1, max: 30 }),
  })
  .map(({ minShare, ...rest }) => ({ ...rest, minTokens: Math.floor((rest.maxTokens * minShare) / 100) }));

const waits = fc.constantFrom({ ids: [WAIT], text: 'Wait' }, { ids: bytes('Hmm, wait.\n'), text: 'Hmm, wait.\n' });

/** A plan whose thinking ends by the model or at its maximum. */
export const plan = fc
  .record({
    limits,
    wait: waits,
    decodes: fc.boolean(),
    maxCompletionTokens: fc.option(fc.integer({ min: 61, max: 80 })),
  })
  .map(
    ({ decodes, maxCompletionTokens, ...rest }): ForcingPlan => ({
      promptIds: bytes('user\nhow?'),
      format,
      contextTokens: 400,
      ...rest,
      ...(decodes ? { newDecoder } : {}),
      ...(maxCompletionTokens === null ? {} : { maxCompletionTokens }),
    }),
  );

/** A plan whose thinking may also end early: at the end of a sentence, or in a loop. */
export const earlyPlan = fc
  .record({ plan, softLanding: fc.option(fc.double({ min: 0, max: 1, noNaN: true })), detectLoops: fc.boolean() })
  .map(
    ({ plan, softLanding, detectLoops }): ForcingPlan => ({
      ...plan,
      detectLoops,
      ...(softLanding === null ? {} : { softLanding }),
    }),
  );
