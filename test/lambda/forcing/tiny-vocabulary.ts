import type { FormatIds } from '../../../lambda/forcing/format.ts';
import type { StreamDecoder } from '../../../lambda/tokenizer/tokenizer.ts';

/** A vocabulary of bytes (ids 0 to 255), control tokens and one word: readable, yet it splits characters into several ids. */
export const IM_START = 256;
export const IM_END = 257;
export const END_OF_TEXT = 258;
export const WAIT = 259;
/** An end token of the model's own generation config, which no format lists. */
export const FOREIGN_END = 260;

export const bytes = (text: string): number[] => [...Buffer.from(text, 'utf8')];

export const format: FormatIds = {
  name: 's1',
  openThinking: [IM_START, ...bytes('think')],
  skipThinking: [IM_START, ...bytes('think\n'), IM_START, ...bytes('answer\nFinal Answer:')],
  thinkingEnds: [IM_START, IM_END, END_OF_TEXT],
  openAnswer: [IM_START, ...bytes('answer')],
  forceAnswer: [IM_START, ...bytes('answer\nFinal Answer:')],
  newline: bytes('\n'),
  forcedAnswerText: 'Final Answer:',
  answerEnds: [IM_END, IM_START, END_OF_TEXT],
  endTexts: new Map([
    [IM_START, '<|im_start|>'],
    [IM_END, '<|im_end|>'],
    [END_OF_TEXT, '<|endoftext|>'],
  ]),
};

export function newDecoder(): StreamDecoder {
  const utf8 = new TextDecoder('utf-8');
  return {
    push: (ids) => ids.map((id) => textOf(id, utf8)).join(''),
    // Drops an incomplete character.
    end: () => {
      utf8.decode();
      return '';
    },
  };
}

function textOf(id: number, utf8: InstanceType<typeof TextDecoder>): string {
  if (id < 256) return utf8.decode(Uint8Array.of(id), { stream: true });
  return id === WAIT ? 'Wait' : '';
}

/** Decodes a list of ids, without control tokens and incomplete characters. */
export function decode(ids: readonly number[]): string {
  return newDecoder().push(ids);
}
