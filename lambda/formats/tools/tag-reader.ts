import type { ArgumentTags, CallTags, Tool } from '../../forcing/format.ts';
import type { ReadPiece } from './call-reader.ts';
import { JsonScanner } from './json-scanner.ts';
import { acceptsOnlyText, jsonValueOf, schemaOfArgument } from './value-type.ts';

/** Thrown when the answer ends inside a call. */
const ended = Symbol('the answer ended');
/** Thrown when a block is no valid call. */
const malformed = Symbol('no call');

type Read<T> = Generator<undefined, T, undefined>;

/**
 * Parses calls that a family writes between its own tags. Text before and between blocks is passed on as soon as it cannot be the
 * beginning of a block. Arguments between tags become JSON: a text argument is passed on as it arrives, any other when it is complete,
 * with its own digits. A block that is no valid call (an unknown function, a missing tag) stays text; if its call was passed on
 * already, the call ends incomplete and the rest is text.
 */
export class TagReader {
  readonly #tags: CallTags;
  readonly #tools: readonly Tool[];
  readonly #whole: boolean;
  readonly #run: Read<void>;
  #text = '';
  #at = 0;
  /** Where the text begins that is neither text nor a call yet. */
  #held = 0;
  #ended = false;
  #cut = false;
  #pieces: ReadPiece[] = [];
  /** The open call: its name, its arguments that are held back, and whether its beginning was passed on. */
  #call: { readonly name: string; held: string; begun: boolean } | undefined;

  /** @param whole whether calls are passed on whole. If not, their arguments are passed on as they arrive. */
  constructor(tags: CallTags, tools: readonly Tool[], whole: boolean) {
    this.#tags = tags;
    this.#tools = tools;
    this.#whole = whole;
    this.#run = this.#answer();
  }

  /** Takes the next text and returns what is certain now. */
  push(text: string): readonly ReadPiece[] {
    this.#text = this.#text.slice(this.#held) + text;
    this.#at -= this.#held;
    this.#held = 0;
    this.#run.next();
    return this.#taken();
  }

  /**
   * Returns what is held at the end of the answer.
   *
   * @param cut whether the answer was cut: then a call that has begun is incomplete, and is no text.
   */
  end(cut: boolean): readonly ReadPiece[] {
    this.#ended = true;
    this.#cut = cut;
    this.#run.next();
    return this.#taken();
  }

  #taken(): readonly ReadPiece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  *#answer(): Read<void> {
    for (;;) {
      const open = yield* this.#find([this.#tags.open], (text) => this.#pass(text));
      if (open === undefined) return;
      const from = this.#at - open.length;
      this.#held = from;
      try {
        yield* this.#block();
        if (yield* this.#sees(['\n'])) this.#at++;
        this.#held = this.#at;
      } catch (reason) {
        if (reason !== ended && reason !== malformed) throw reason;
        if (this.#giveUp(reason)) return;
      }
    }
  }

  /** Passes on what was no call. Returns whether the answer is over. */
  #giveUp(reason: symbol): boolean {
    const call = this.#call;
    this.#call = undefined;
    const isCut = reason === ended && this.#cut;
    if (call !== undefined && (call.begun || isCut)) {
      if (!call.begun) this.#pieces.push({ kind: 'call', name: call.name });
      if (!call.begun && call.held !== '') this.#pieces.push({ kind: 'arguments', text: call.held });
      this.#pieces.push({ kind: 'call-end', complete: false });
      if (reason === malformed) {
        this.#held = this.#at;
        return false;
      }
      return true;
    }
    if (isCut) return true;
    // The first character cannot open a block again.
    this.#pass(this.#text.slice(this.#held, this.#held + 1));
    this.#at = this.#held + 1;
    this.#held = this.#at;
    return false;
  }

  /** Reads a block after its opening tag, up to its end. */
  *#block(): Read<void> {
    const { close, callOpen } = this.#tags;
    for (let index = 0; ; index++) {
      yield* this.#space();
      if (callOpen !== undefined) {
        const next = yield* this.#expect(close === undefined || index === 0 ? [callOpen] : [callOpen, close]);
        if (next === close) return;
      }
      yield* this.#oneCall();
      this.#held = this.#at;
      if (close === undefined) return;
      if (callOpen === undefined) {
        yield* this.#space();
        yield* this.#expect([close], true);
        return;
      }
      yield* this.#space();
      if (this.#atEnd()) return;
    }
  }

  *#oneCall(): Read<void> {
    const { nameEnds, nameInId, callClose, arguments: written } = this.#tags;
    let given = '';
    const end = yield* this.#find(nameEnds, (text) => {
      given += text;
    });
    if (end === undefined) throw ended;
    // A tag that opens an argument or closes the block is read again.
    if (end.startsWith('<') && !nameInId && end !== '">') this.#at -= end.length;
    const name =
      nameInId === true
        ? given
            .trim()
            .replace(/^functions\./, '')
            .replace(/:\d+$/, '')
        : given.trim();
    const tool = this.#tools.find((candidate) => candidate.name === name);
    if (tool === undefined) throw malformed;
    this.#call = { name, held: '', begun: false };
    if (written === 'json') yield* this.#jsonArguments();
    else yield* this.#taggedArguments(tool, written);
    if (callClose !== undefined) {
      yield* this.#space();
      yield* this.#expect([callClose], written === 'json');
    }
    this.#finish();
  }

  *#jsonArguments(): Read<void> {
    yield* this.#space();
    let isObject = true;
    let done = false;
    let firm = false;
    const scanner = new JsonScanner({
      key: () => {},
      begin: (depth, at) => {
        if (depth === 0) isObject = at === 0 && this.#text.charAt(this.#at) === '{';
        else firm = true;
      },
      end: (depth) => {
        if (depth === 0) done = true;
      },
    });
    while (!done) {
      yield* this.#more();
      const rest = this.#text.slice(this.#at);
      const take = /[\ud800-\udbff]$/.test(rest) ? rest.slice(0, -1) : rest;
      let taken = 0;
      while (taken < take.length && !done) {
        const accepted = scanner.push(take.charAt(taken));
        if (accepted === 0 || !isObject) {
          this.#argue(take.slice(0, taken), firm);
          this.#at += taken;
          throw malformed;
        }
        taken++;
      }
      this.#argue(take.slice(0, taken), firm);
      this.#at += taken;
      if (!done && taken === 0) yield* this.#wait();
    }
  }

  *#taggedArguments(tool: Tool, tags: ArgumentTags): Read<void> {
    const { close, callClose = close ?? '' } = this.#tags;
    const keys = new Set<string>();
    for (;;) {
      yield* this.#space();
      const next = yield* this.#expect([tags.open, callClose]);
      if (next === callClose) {
        this.#at -= callClose.length;
        break;
      }
      const key = (yield* this.#until(tags.keyEnd)).trim();
      if (keys.has(key)) throw malformed;
      let isText: boolean | undefined;
      if (tags.saysString === true) {
        const says = yield* this.#until('">');
        if (says !== 'true' && says !== 'false') throw malformed;
        isText = says === 'true';
      }
      if (tags.valueOpen !== undefined) {
        yield* this.#space();
        yield* this.#expect([tags.valueOpen]);
      }
      this.#argue(`${keys.size === 0 ? '{' : ', '}${JSON.stringify(key)}: `, true);
      keys.add(key);
      yield* this.#value(tags, isText ?? acceptsOnlyText(schemaOfArgument(tool, key)), isText, tool, key);
    }
    this.#argue(keys.size === 0 ? '{}' : '}', true);
  }

  *#value(tags: ArgumentTags, streams: boolean, isText: boolean | undefined, tool: Tool, key: string): Read<void> {
    if (tags.newlines === true && (yield* this.#sees(['\n']))) this.#at++;
    const ends = tags.newlines === true ? [`\n${tags.close}`, tags.close] : [tags.close];
    let value = '';
    if (streams) this.#argue('"', true);
    const end = yield* this.#find(ends, (text) => {
      if (streams) this.#argue(JSON.stringify(text).slice(1, -1), true);
      else value += text;
    });
    if (end === undefined) throw ended;
    if (streams) this.#argue('"', true);
    else if (isText === false && jsonValueOf(value, {}) === undefined) throw malformed;
    else this.#argue(jsonValueOf(value, schemaOfArgument(tool, key)) ?? JSON.stringify(value), true);
  }

  /** Passes on a part of the arguments, or holds it: until the call is complete, or until its first value has begun. */
  #argue(text: string, firm: boolean): void {
    const call = this.#call;
    if (call === undefined) return;
    if (this.#whole || !firm) {
      call.held += text;
      return;
    }
    if (!call.begun) this.#pieces.push({ kind: 'call', name: call.name });
    call.begun = true;
    const given = call.held + text;
    call.held = '';
    if (given !== '') this.#pieces.push({ kind: 'arguments', text: given });
  }

  #finish(): void {
    const call = this.#call;
    if (call === undefined) return;
    if (!call.begun) this.#pieces.push({ kind: 'call', name: call.name });
    if (call.held !== '') this.#pieces.push({ kind: 'arguments', text: call.held });
    this.#pieces.push({ kind: 'call-end', complete: true });
    this.#call = undefined;
  }

  #pass(text: string): void {
    if (text !== '') this.#pieces.push({ kind: 'text', text });
  }

  #atEnd(): boolean {
    return this.#ended && this.#at === this.#text.length;
  }

  *#wait(): Read<void> {
    if (this.#ended) throw ended;
    yield;
  }

  /** Waits for one more character. */
  *#more(): Read<void> {
    while (this.#at === this.#text.length) yield* this.#wait();
  }

  *#space(): Read<void> {
    for (;;) {
      while (/\s/.test(this.#text.charAt(this.#at))) this.#at++;
      if (this.#at < this.#text.length || this.#ended) return;
      yield;
    }
  }

  /** Takes one of the strings, which must follow. @param atEnd whether the end of the answer serves as well. @default false */
  *#expect(strings: readonly string[], atEnd = false): Read<string> {
    if (atEnd && this.#atEnd() && !this.#cut) return '';
    const found = yield* this.#sees(strings);
    if (found !== undefined) {
      this.#at += found.length;
      return found;
    }
    if (this.#ended && strings.some((one) => one.startsWith(this.#text.slice(this.#at)))) throw ended;
    throw malformed;
  }

  /** Returns which of the strings follows, without taking it. */
  *#sees(strings: readonly string[]): Read<string | undefined> {
    for (;;) {
      const found = strings.find((one) => this.#text.startsWith(one, this.#at));
      if (found !== undefined) return found;
      const rest = this.#text.slice(this.#at);
      if (this.#ended || !strings.some((one) => one.startsWith(rest))) return undefined;
      yield;
    }
  }

  *#until(string: string): Read<string> {
    let text = '';
    const end = yield* this.#find([string], (piece) => {
      text += piece;
    });
    if (end === undefined) throw ended;
    return text;
  }

  /** Takes the text before the first of the strings, in pieces that are certain, and then the string. `undefined`: the answer ended. */
  *#find(strings: readonly string[], take: (text: string) => void): Read<string | undefined> {
    for (;;) {
      const rest = this.#text.slice(this.#at);
      const places = strings.map((one) => [rest.indexOf(one), one] as const).filter(([at]) => at >= 0);
      const [first] = places.toSorted(([a], [b]) => a - b);
      // A tag that the cut divided is no text of an argument.
      const all = this.#ended && !(this.#cut && this.#call !== undefined);
      const certain = first?.[0] ?? (all ? rest.length : rest.length - uncertain(rest, strings));
      take(rest.slice(0, certain));
      this.#at += certain;
      if (this.#call === undefined && this.#held === this.#at - certain) this.#held = this.#at;
      if (first !== undefined) {
        this.#at += first[1].length;
        return first[1];
      }
      if (this.#ended) return undefined;
      yield;
    }
  }
}

/** Number of characters at the end of the text that may begin one of the strings, or are the first half of a surrogate pair. */
function uncertain(text: string, strings: readonly string[]): number {
  const longest = Math.max(...strings.map((one) => one.length)) - 1;
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (strings.some((one) => one.startsWith(end))) return length;
  }
  return /[\ud800-\udbff]$/.test(text) ? 1 : 0;
}
