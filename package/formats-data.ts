import type { Format, PromptPart, Turn } from '../lambda/forcing/format.ts';
import { formats } from '../lambda/formats/index.ts';

/** Where a text of the row stands in a prompt. */
interface Slot {
  readonly slot: 'system' | 'question';
  /** Whether the family's template removes white space at both ends of the text. */
  readonly trim: boolean;
}

/** The delimiters of a format as data: what the training script needs to write rows in the ids that the function serves. */
interface FormatData extends Pick<Format, 'openThinking' | 'openAnswer'> {
  /** System message of a row that has none. `null`: no system message is written. */
  readonly defaultSystem: string | null;
  /** A conversation with one question, before the thinking is opened. */
  readonly prompt: readonly (PromptPart | Slot)[];
  /** The same with a system message. */
  readonly promptWithSystem: readonly (PromptPart | Slot)[];
  /** Precedes the thought, unless it begins with a newline. */
  readonly thinkingStart: string;
  /** Whether a thought that does not end in a newline gets one. */
  readonly newlineBeforeCut: boolean;
  /** Precedes the answer, unless it begins with a newline. */
  readonly answerStart: string;
  /** Control token after the answer. */
  readonly answerEnd: string;
}

/** Stand-ins for the two texts: characters for private use, which no template has. */
const STAND_INS = { system: '\u{E001}', question: '\u{E002}' } as const;
/** White space around a stand-in, which shows whether the template trims it. */
const SPACE = ' \n ';

/** The data of all formats, which `npm run build:formats` writes into training/sft/formats.json. */
export function formatsData(): Readonly<Record<string, FormatData>> {
  return Object.fromEntries(Object.entries(formats).map(([name, format]) => [name, dataOf(format)]));
}

function dataOf(format: Format): FormatData {
  const [answerEnd] = format.answerEnds;
  if (answerEnd === undefined) throw new Error(`The format ${format.name} has no token that ends an answer.`);
  const question = turnOf('user', STAND_INS.question);
  return {
    defaultSystem: format.defaultSystem ?? null,
    prompt: withSlots(format.renderTurns([question])),
    promptWithSystem: withSlots(format.renderTurns([turnOf('system', STAND_INS.system), question])),
    openThinking: format.openThinking,
    thinkingStart: format.thinkingStart ?? '',
    newlineBeforeCut: format.newlineBeforeCut ?? true,
    openAnswer: format.openAnswer,
    answerStart: format.answerStart ?? '',
    answerEnd,
  };
}

function turnOf(role: 'system' | 'user', standIn: string): Turn {
  return { role, content: [{ text: SPACE + standIn + SPACE }] };
}

function withSlots(parts: readonly PromptPart[]): readonly (PromptPart | Slot)[] {
  return parts.flatMap((part) => ('text' in part ? splitAtStandIns(part.text) : [part]));
}

function splitAtStandIns(text: string): readonly (PromptPart | Slot)[] {
  const pieces = text.split(new RegExp(`(${SPACE}[\u{E001}\u{E002}]${SPACE}|[\u{E001}\u{E002}])`, 'u'));
  return pieces
    .filter((piece) => piece !== '')
    .map((piece) => {
      const standIn = piece.trim();
      if (standIn === STAND_INS.system) return { slot: 'system', trim: piece === standIn };
      if (standIn === STAND_INS.question) return { slot: 'question', trim: piece === standIn };
      return { text: piece };
    });
}
