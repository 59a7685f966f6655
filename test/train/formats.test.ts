import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNames, type PromptPart, type Turn } from '../../lambda/forcing/format.ts';
import { formats } from '../../lambda/formats/index.ts';
import { formatsData } from '../../package/formats-data.ts';
import { recordings, servedIds, tokenizerOf, trainingRows, vocabularies } from './served-rows.ts';

/** Joins neighbouring texts: how a prompt is cut into text parts has no meaning. */
function joined(parts: readonly PromptPart[]): readonly PromptPart[] {
  return parts.reduce<PromptPart[]>((done, part) => {
    const last = done.at(-1);
    if ('text' in part && last !== undefined && 'text' in last) done[done.length - 1] = { text: last.text + part.text };
    else done.push(part);
    return done;
  }, []);
}

describe('training/sft/formats.json', () => {
  it('has the delimiters of lambda/formats (npm run build:formats)', async () => {
    expect(JSON.parse(await readFile('training/sft/formats.json', 'utf8'))).toEqual(formatsData());
  });

  it.each(formatNames)('%s renders any question and system message as the function does', (name) => {
    const data = formatsData()[name];
    const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => value.trim() !== '');
    fc.assert(
      fc.property(fc.option(text, { nil: undefined }), text, (system, question) => {
        const texts = { system: system ?? '', question };
        const turns: Turn[] = [
          ...(system === undefined ? [] : [{ role: 'system', content: [{ text: system }] } as const]),
          { role: 'user', content: [{ text: question }] },
        ];
        const filled = (system === undefined ? data?.prompt : data?.promptWithSystem)?.map((part): PromptPart => {
          if (!('slot' in part)) return part;
          return { text: part.trim ? texts[part.slot].trim() : texts[part.slot] };
        });
        expect(joined(filled ?? [])).toEqual(joined(formats[name].renderTurns(turns)));
      }),
      { seed: 22, numRuns: 50 },
    );
  });
});

describe('test/train/fixtures/rows.json', () => {
  it('has the ids that the function serves for each row; training/sft/data.py is tested with it', async () => {
    const recorded = [];
    for (const { format, vocabulary } of recordings) {
      const tokenizer = tokenizerOf(vocabulary);
      for (const row of trainingRows) {
        recorded.push({ format, vocabulary, row, ...(await servedIds(row, format, tokenizer)) });
      }
    }
    const fixture = `${JSON.stringify({ vocabularies, recorded })}\n`;
    await expect(fixture).toMatchFileSnapshot('fixtures/rows.json');
  });
});
