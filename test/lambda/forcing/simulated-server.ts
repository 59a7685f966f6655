import type { BudgetForcing } from '../../../lambda/forcing/budget-forcing.ts';
import type { Emission, NextSegment, SegmentPiece } from '../../../lambda/forcing/plan.ts';
import { decode, END_OF_TEXT, FOREIGN_END, IM_END, IM_START } from './tiny-vocabulary.ts';

/** The output of a model and how its server sends it, as plain data that fast-check can generate and shrink. */
export interface ServerScript {
  /** Tokens that the model samples, in order, over all segments. After the last one it samples `a` for ever. */
  readonly tokens: readonly number[];
  /** Sizes of the pieces, used in turn. 0: an empty piece. */
  readonly pieceSizes: readonly number[];
  /** Number of tokens after which a call breaks, by the index of the call. */
  readonly breaksAfter: ReadonlyMap<number, number>;
  /** Whether the server ignores `min_tokens`. */
  readonly ignoresMin?: boolean;
  /** Whether the server's text includes the literal text of end tokens. */
  readonly writesEnds?: boolean;
  /** Whether the text arrives one piece after its tokens. */
  readonly textLags?: boolean;
  /** Number of tokens that the server sends after the end of each call. */
  readonly overrun?: number;
  /** Tokens that the model samples in each probe, in turn. If omitted, it gives the empty answer. */
  readonly probes?: readonly (readonly number[])[];
  /** Whether the server gives log-probabilities, which depend on the token only: see `probabilityOf`. */
  readonly logprobs?: boolean;
  /** Passages that are looked up. `null`: none are found. */
  readonly passages?: { readonly ids: readonly number[]; readonly text: string } | null;
  /** What happens while passages are looked up. If omitted, they come. */
  readonly interruptsLookUp?: 'deadline' | 'load' | 'abort';
  /** Cuts and aborts by the number of pieces after which they come. */
  readonly interrupts?: ReadonlyMap<number, 'deadline' | 'load' | 'abort'>;
}

/** Probability of a token, above 0, at most 1. */
export function probabilityOf(id: number): number {
  return ((id % 7) + 1) / 8;
}

function logprobsOf(ids: readonly number[]) {
  return ids.map((id) => ({ token: String(id), logprob: Math.log(probabilityOf(id)), top: [] }));
}

const ends = new Map([
  [IM_START, '<|im_start|>'],
  [IM_END, '<|im_end|>'],
  [END_OF_TEXT, '<|endoftext|>'],
]);

export interface Run {
  readonly segments: readonly NextSegment[];
  readonly emissions: readonly Emission[];
  /** Tokens sent in each call. */
  readonly given: readonly (readonly number[])[];
}

/** Drives the machine to its end over a scripted server, as `generate` does over a real one. */
export function drive(machine: BudgetForcing, script: ServerScript): Run {
  const segments: NextSegment[] = [];
  const emissions: Emission[] = [];
  const given: number[][] = [];
  let cursor = 0;
  let piece = 0;
  let probes = 0;
  for (let call = -1; ; ) {
    const segment = machine.next();
    emissions.push(...machine.takeEmissions());
    if (segment === undefined) return { segments, emissions, given };
    if (segment.lookUp !== undefined) {
      if (script.interruptsLookUp === 'abort') machine.abort();
      else if (script.interruptsLookUp !== undefined) machine.cut(script.interruptsLookUp);
      else machine.takePassages(script.passages ?? undefined);
      emissions.push(...machine.takeEmissions());
      continue;
    }
    if (call > 2_000) throw new Error('The machine does not terminate.');
    call++;
    segments.push(segment);

    // After a cut inside a character, the answer does not begin with the other half.
    const probe = segment.probe === true ? (script.probes?.[probes++] ?? []) : undefined;
    const before = cursor;
    if (probe !== undefined) cursor = 0;
    if (segment.part === 'answer' && segments.at(-2)?.part === 'thinking') {
      while ((script.tokens[cursor] ?? 0) >> 6 === 0b10) cursor++;
    }
    const tokens: number[] = [];
    let finish: 'stop' | 'length' = 'length';
    let stopId: number | undefined;
    while (tokens.length < segment.maxTokens) {
      const masked = script.ignoresMin !== true && tokens.length < segment.minTokens;
      const token = (probe ?? script.tokens)[cursor++] ?? (probe === undefined ? 97 : IM_END);
      const isEnd = segment.stopTokenIds.includes(token) || token === FOREIGN_END;
      tokens.push(masked && isEnd ? 98 : token);
      if (isEnd && !masked) {
        finish = 'stop';
        stopId = token;
        break;
      }
    }
    const breakAfter = script.breaksAfter.get(call);
    const extra = new Array<number>(script.overrun ?? 0).fill(97);
    const sent = breakAfter === undefined ? [...tokens, ...extra] : tokens.slice(0, breakAfter);
    given.push(sent);
    // Tokens that were sampled but not sent are sampled again.
    cursor -= Math.max(0, tokens.length - sent.length);
    let keptOfLast = 0;
    let sizeOfLast = 0;

    let over = false;
    let left = false;
    let interrupt: 'deadline' | 'load' | 'abort' | undefined;
    let at = 0;
    let lagging = '';
    while (at < sent.length && !over && interrupt === undefined) {
      const size = script.pieceSizes[piece++ % script.pieceSizes.length] ?? 1;
      const upTo = Math.min(sent.length, at + size);
      let text = certain(sent.slice(0, upTo), script).slice(certain(sent.slice(0, at), script).length);
      if (script.textLags === true) [text, lagging] = [lagging, text];
      const pushed = push(
        machine,
        {
          tokenIds: sent.slice(at, upTo),
          text,
          ...(script.logprobs === true && { logprobs: logprobsOf(sent.slice(at, upTo)) }),
        },
        emissions,
      );
      keptOfLast = pushed.kept;
      sizeOfLast = upTo - at;
      over = pushed.over;
      left = pushed.leave;
      at = upTo;
      interrupt = script.interrupts?.get(piece);
    }
    // The driver closes the call: tokens that it did not read were never sampled.
    given[given.length - 1] = sent.slice(0, at);
    if (left || interrupt !== undefined) {
      cursor -= Math.max(0, tokens.length - at);
      // Tokens after a probe's place are sampled again.
      if (left && segment.part === 'thinking') cursor -= sizeOfLast - keptOfLast;
      if (probe !== undefined) cursor = before;
      if (interrupt === 'abort') machine.abort();
      else if (interrupt !== undefined && !left) machine.cut(interrupt);
      continue;
    }
    const ended = lagging !== '' && push(machine, { tokenIds: [], text: lagging }, emissions).leave;
    if (probe !== undefined) cursor = before;
    if (ended) continue;
    if (breakAfter !== undefined && breakAfter < tokens.length) machine.segmentBroke();
    else machine.segmentEnded(finish, stopId);
    emissions.push(...machine.takeEmissions());
  }
}

function push(machine: BudgetForcing, piece: SegmentPiece, emissions: Emission[]): ReturnType<BudgetForcing['push']> {
  const pushed = machine.push(piece);
  emissions.push(...machine.takeEmissions());
  return pushed;
}

/** The text that a server with an incremental detokenizer has sent after these tokens. */
function certain(tokens: readonly number[], script: ServerScript): string {
  const last = tokens.at(-1);
  const ended = last !== undefined && (ends.has(last) || last === FOREIGN_END);
  const text = decode(ended ? tokens.slice(0, -1) : tokens);
  return ended && script.writesEnds === true ? text + (ends.get(last) ?? '') : text;
}
