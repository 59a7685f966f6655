import { BudgetForcing } from '../forcing/budget-forcing.ts';
import type { ForcingPlan, MovedPlan, NextSegment, NextStep, SegmentPiece, WaitText } from '../forcing/plan.ts';
import type { RetrievalAccount } from './retrieval.ts';
import type { SegmentAccount } from './segment-account.ts';

type CutReason = Parameters<BudgetForcing['cut']>[0];

/**
 * What a `BudgetForcing` machine was told, in order, and what else a generation cannot make again. A machine that is told the same is in
 * the same state, so a generation goes on from its journal without a loss. A piece of one token is its id alone, and a piece of ids is
 * their list: they are nearly all of a journal.
 */
export type JournalEntry =
  | number
  | readonly number[]
  /** A piece with log-probabilities, or with the server's own text. */
  | { readonly kind: 'piece'; readonly piece: SegmentPiece }
  | { readonly kind: 'next' }
  | { readonly kind: 'ended'; readonly finish: 'stop' | 'length'; readonly stop?: number | string | undefined }
  | { readonly kind: 'broke' }
  | { readonly kind: 'cut'; readonly reason: CutReason; readonly called: boolean }
  | { readonly kind: 'passages'; readonly passages?: WaitText | undefined }
  | { readonly kind: 'aborted'; readonly tokens: number }
  /** The account of a call that ended. */
  | { readonly kind: 'account'; readonly account: SegmentAccount }
  /** A search. It does not follow from what the machine was told. */
  | { readonly kind: 'lookup'; readonly lookup: LookupEvent };

interface LookupEvent {
  readonly kind: 'lookup';
  readonly query: string;
  readonly account: RetrievalAccount | undefined;
}

/** Where a generation goes on, and what keeps it. */
export interface Journal {
  /** What earlier segments recorded. Empty at first. */
  readonly past: readonly JournalEntry[];
  /** Called for each new entry, before what follows from it is yielded. */
  readonly record: (entry: JournalEntry) => void;
}

/** A machine that records what it is told. */
export class JournaledForcing extends BudgetForcing {
  readonly #record: Journal['record'];
  readonly #keepsText: boolean;
  readonly #keepsLogprobs: boolean;
  #replays = false;
  /** Whether a method of the machine calls another one. */
  #nested = false;
  #open: { readonly segment: NextSegment; tokens: number } | undefined;

  constructor(plan: ForcingPlan, { record }: Pick<Journal, 'record'>) {
    super(plan);
    this.#record = record;
    this.#keepsText = plan.newDecoder === undefined;
    this.#keepsLogprobs =
      plan.confidence !== undefined || plan.gateMeasure !== undefined || plan.stopWhenSure !== undefined;
  }

  /** The call that runs, and its tokens so far. */
  get open(): { readonly segment: NextSegment; readonly tokens: number } | undefined {
    return this.#open;
  }

  /** Tells the machine again what it was told before. Entries that are not the machine's do nothing. */
  retell(entry: JournalEntry): void {
    this.#replays = true;
    try {
      this.#tell(entry);
    } finally {
      this.#replays = false;
    }
  }

  override next(): NextStep | undefined {
    const step = this.#told({ kind: 'next' }, () => super.next());
    this.#open = step === undefined || step.lookUp !== undefined ? undefined : { segment: step, tokens: 0 };
    return step;
  }

  override push(piece: SegmentPiece): ReturnType<BudgetForcing['push']> {
    if (this.#open !== undefined) this.#open.tokens += piece.tokenIds.length;
    const pushed = this.#told(this.#toEntry(piece), () => super.push(piece));
    if (pushed.leave) this.#open = undefined;
    return pushed;
  }

  override segmentEnded(finish: 'stop' | 'length', stop?: number | string): void {
    this.#told({ kind: 'ended', finish, stop }, () => super.segmentEnded(finish, stop));
    this.#open = undefined;
  }

  override segmentBroke(): void {
    this.#told({ kind: 'broke' }, () => super.segmentBroke());
    this.#open = undefined;
  }

  override takePassages(passages: WaitText | undefined): void {
    this.#told({ kind: 'passages', passages }, () => super.takePassages(passages));
  }

  override cut(reason: CutReason, { called = true } = {}): void {
    this.#told({ kind: 'cut', reason, called }, () => super.cut(reason, { called }));
    this.#open = undefined;
  }

  override countAborted(tokens: number): void {
    this.#told({ kind: 'aborted', tokens }, () => super.countAborted(tokens));
  }

  /** Ids of another vocabulary could not be told again: its format and decoder are not part of a journal. */
  override moveTo(_plan: MovedPlan): void {
    throw new Error('A generation with a journal stays in the vocabulary of its model.');
  }

  #told<Result>(entry: JournalEntry, tell: () => Result): Result {
    if (this.#nested) return tell();
    if (!this.#replays) this.#record(entry);
    this.#nested = true;
    try {
      return tell();
    } finally {
      this.#nested = false;
    }
  }

  #toEntry(piece: SegmentPiece): JournalEntry {
    const { tokenIds, text, logprobs } = piece;
    const [first] = tokenIds;
    const keepsText = this.#keepsText && text !== '';
    const keepsLogprobs = this.#keepsLogprobs && logprobs !== undefined;
    if (!keepsText && !keepsLogprobs) return tokenIds.length === 1 && first !== undefined ? first : [...tokenIds];
    return {
      kind: 'piece',
      piece: { tokenIds, text: keepsText ? text : '', ...(keepsLogprobs ? { logprobs } : {}) },
    };
  }

  #tell(entry: JournalEntry): void {
    if (typeof entry === 'number') return void this.push({ tokenIds: [entry], text: '' });
    if (!('kind' in entry)) return void this.push({ tokenIds: entry, text: '' });
    switch (entry.kind) {
      case 'piece':
        this.push(entry.piece);
        break;
      case 'next':
        this.next();
        break;
      case 'ended':
        this.segmentEnded(entry.finish, entry.stop);
        break;
      case 'broke':
        this.segmentBroke();
        break;
      case 'cut':
        this.cut(entry.reason, { called: entry.called });
        break;
      case 'passages':
        this.takePassages(entry.passages);
        break;
      case 'aborted':
        this.countAborted(entry.tokens);
        break;
      case 'account':
      case 'lookup':
        break;
      default:
        entry satisfies never;
    }
  }
}
