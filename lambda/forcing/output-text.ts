import type { StreamDecoder } from '../tokenizer/tokenizer.ts';
import type { Emission, ForcingPlan, SegmentPiece } from './plan.ts';
import { TextGate } from './text-gate.ts';

/** The end of a line or a sentence, but not the point of a number ("3.") or after a single letter ("e.g."). */
const SENTENCE_END = /(\n|[\p{L})\]"'*_$}]{2}[.!?…]["')\]*]*|[。！？])[ ]?$/u;

/** Trailing characters that are kept to recognize the end of a sentence. */
const TAIL_LENGTH = 8;

/**
 * The text of one output, thinking first, then the answer: decodes ids (or takes the server's text) and collects what is certain as
 * emissions.
 */
export class OutputText {
  #plan: ForcingPlan;
  readonly #written = { thinking: '', answer: '' };
  readonly #emissions: Emission[] = [];
  #part: 'thinking' | 'answer';
  #gate: TextGate;
  #decoder: StreamDecoder | undefined;
  /** The last characters so far. */
  #tail: string;

  constructor(plan: ForcingPlan) {
    this.#plan = plan;
    this.#part = plan.prefix?.part ?? 'thinking';
    this.#tail = plan.prefix?.text.slice(-TAIL_LENGTH) ?? '';
    this.#gate = this.#newGate({ continues: plan.prefix !== undefined });
    this.#decoder = plan.newDecoder?.();
  }

  /** The stop text that ended the answer, if one did. */
  get stopText(): string | undefined {
    return this.#gate.stopText;
  }

  /** All text so far. */
  get written(): { readonly thinking: string; readonly answer: string } {
    return { ...this.#written };
  }

  get endsInNewline(): boolean {
    return this.#tail.endsWith('\n');
  }

  get endsInSentence(): boolean {
    return SENTENCE_END.test(this.#tail);
  }

  /** Takes the emissions since the last call. */
  takeEmissions(): readonly Emission[] {
    return this.#emissions.splice(0);
  }

  /** Adds sampled ids, and the server's text of them. */
  push({ tokenIds, text }: SegmentPiece): void {
    this.#show(this.#decoder === undefined ? text : this.#decoder.push(tokenIds));
  }

  /** Goes on with the decoder of another vocabulary. Half a character is dropped; held text stays held. */
  moveTo(plan: ForcingPlan): void {
    this.#plan = plan;
    this.#decoder = plan.newDecoder?.();
  }

  /** Adds forced tokens to the thinking. */
  force(text: string, ids: readonly number[]): void {
    if (this.#decoder !== undefined) {
      this.#show(this.#decoder.end());
      this.#decoder = this.#plan.newDecoder?.();
    }
    this.#emit(this.#gate.flush());
    this.#written[this.#part] += text;
    const shown = this.#gate.push(text);
    this.#emissions.push({ part: this.#part, text: shown, forced: true, forcedTokens: { ids, text } });
    this.#keepTail(text);
  }

  /** Removes the literal text of an end token, which some servers send. Text made from ids has none. */
  drop(endText: string | undefined): void {
    if (this.#decoder === undefined) this.#gate.drop(endText);
    this.#unwrite(endText);
  }

  /** Ends the current part: emits what was held back. */
  close(endText?: string): void {
    if (this.#decoder !== undefined) this.#show(this.#decoder.end());
    this.#emit(this.#gate.end(this.#decoder === undefined ? endText : undefined));
    this.#unwrite(endText);
  }

  /** Records the newline that is appended to a cut thought. It is not shown. */
  addNewline(): void {
    this.#written.thinking += '\n';
  }

  /** Begins the answer, with the text that was forced into it. */
  beginAnswer(forcedText: string): void {
    this.#part = 'answer';
    this.#decoder = this.#plan.newDecoder?.();
    this.#gate = this.#newGate();
    this.#written.answer += forcedText;
    if (forcedText !== '') {
      this.#emissions.push({ part: 'answer', text: this.#gate.push(forcedText), forced: true });
    }
  }

  #show(text: string): void {
    if (text === '') return;
    this.#keepTail(text);
    this.#written[this.#part] += text;
    this.#emit(this.#gate.push(text));
  }

  #unwrite(endText: string | undefined): void {
    const text = this.#written[this.#part];
    if (this.#decoder !== undefined || endText === undefined || !text.endsWith(endText)) return;
    this.#written[this.#part] = text.slice(0, text.length - endText.length);
  }

  #keepTail(text: string): void {
    this.#tail = (this.#tail + text).slice(-TAIL_LENGTH);
  }

  #emit(text: string): void {
    if (text !== '') this.#emissions.push({ part: this.#part, text, forced: false });
  }

  #newGate({ continues = false } = {}): TextGate {
    const { format, stopTexts = [], newDecoder } = this.#plan;
    const endIds = this.#part === 'thinking' ? format.thinkingEnds : format.answerEnds;
    // Text made from ids holds no delimiter, so none must be held back.
    const endTexts = newDecoder === undefined ? endIds.map((id) => format.endTexts.get(id) ?? '') : [];
    return new TextGate({
      endTexts: endTexts.filter((text) => text !== ''),
      stopTexts: this.#part === 'answer' ? stopTexts : [],
      trimEnd: this.#part === 'thinking',
      continues,
    });
  }
}
