import { readQuestions } from '../../evaluate/questions/read-questions.ts';
import { type FormatName, formatNames } from '../../lambda/forcing/format.ts';
import { formats } from '../../lambda/formats/index.ts';
import { apiClientOptions, apiOptions } from '../api-client.ts';
import { type Action, defineCommand, findAction } from '../command.ts';
import { parseNumber, parseWholeNumber } from '../option-values.ts';
import { groupByPrompt } from '../preferences/candidates.ts';
import { cardOf } from '../preferences/card.ts';
import { collect } from '../preferences/collect.ts';
import { type ExportFormat, exportFormats, exportRows, type Row } from '../preferences/export-rows.ts';
import { type PairKind, pairKinds } from '../preferences/pairs.ts';
import { controlStringFinder, controlStringsOf } from '../train/data/control-strings.ts';
import { UsageError } from '../usage-error.ts';
import { checkFolder, writeFolder } from '../write-folder.ts';

const actions: Readonly<Record<string, Action>> = {
  export: { arguments: [], summary: 'write training data from stored conversations, votes and feedback' },
};
const FILTERS = 'Filters';

/** `budgetforce preferences`. */
export const preferencesCommand = defineCommand({
  name: 'preferences',
  description:
    'Makes training data of what a deployment has stored with its clients’ consent (docs/feedback.md): right answers over wrong ones by feedback and by votes, short right ones over long ones, with a Wait and without, of one model and of another.',
  actions,
  options: {
    format: {
      type: 'string',
      placeholder: 'NAME',
      default: 'dpo',
      description: `columns of ${exportFormats.join(', ')}`,
    },
    'model-format': {
      type: 'string',
      placeholder: 'NAME',
      default: 's1',
      description: 'format of the model that will be trained',
    },
    tokenizer: {
      type: 'string',
      placeholder: 'FILE',
      description: 'its tokenizer.json, whose control tokens are looked for in the texts as well',
    },
    out: {
      type: 'string',
      placeholder: 'FOLDER',
      description: 'new folder for train.jsonl, held-out.jsonl and a card',
    },
    from: {
      type: 'string',
      placeholder: 'DAY',
      defaultText: 'six days before --to',
      description: 'first day, YYYY-MM-DD',
    },
    to: { type: 'string', placeholder: 'DAY', defaultText: 'today', description: 'last day' },
    kinds: {
      type: 'string',
      placeholder: 'LIST',
      default: pairKinds.join(','),
      group: FILTERS,
      description: 'kinds of pairs (dpo)',
    },
    questions: {
      type: 'string',
      placeholder: 'FILE',
      group: FILTERS,
      description: 'right answers, as the questions of eval: they judge what no person judged',
    },
    agreement: {
      type: 'string',
      placeholder: 'SHARE',
      default: '0.6',
      group: FILTERS,
      description: 'share of the samples of a vote that must agree before its answer counts as right',
    },
    'good-score': {
      type: 'string',
      placeholder: 'SCORE',
      default: '0.7',
      group: FILTERS,
      description: 'score from which an answer counts as right; at most 1 minus it, as wrong',
    },
    shorter: {
      type: 'string',
      placeholder: 'N',
      default: '1.5',
      group: FILTERS,
      description: 'times the tokens of a short right answer that a long right one has at least',
    },
    'per-prompt': {
      type: 'string',
      placeholder: 'N',
      default: '4',
      group: FILTERS,
      description: 'most pairs of one prompt',
    },
    'held-out': {
      type: 'string',
      placeholder: 'SHARE',
      default: '0.1',
      group: FILTERS,
      description: 'share of the prompts that go into held-out.jsonl',
    },
    ...apiOptions,
    json: { type: 'boolean', description: 'print the counts as one JSON line' },
  },
  note: 'It needs an admin key. Rows with credentials or control strings in a text are left out and counted.',
  exitCodes: ['written', 'nothing was written'],
  async run({ values, positionals }) {
    const [name, ...more] = positionals;
    findAction(actions, name);
    if (more.length > 0) throw new UsageError('export takes no arguments. Give the folder as --out FOLDER.');
    if (values.out === undefined) throw new UsageError('Give a new folder for the data: --out FOLDER.');
    checkFolder(values.out);
    const format = oneOf('format', values.format, exportFormats);
    const modelFormat = oneOf('model-format', values['model-format'], formatNames);
    const share = (option: 'agreement' | 'good-score' | 'held-out', max: number) =>
      parseNumber(option, values[option], { min: 0, max });
    const options = {
      goodScore: parseNumber('good-score', values['good-score'], { min: 0.5, max: 1 }),
      agreement: share('agreement', 1),
      references: await referencesOf(values.questions),
    };
    const pairs = {
      kinds: kindsOf(values.kinds),
      shorter: parseNumber('shorter', values.shorter, { min: 1, max: 100 }),
      perPrompt: parseWholeNumber('per-prompt', values['per-prompt'], { min: 1, max: 1_000 }),
      heldOut: share('held-out', 0.99),
    };
    const range = { from: values.from, to: values.to };
    const collected = await collect(apiClientOptions(values), range, (count) =>
      process.stderr.write(`${count} conversations …\n`),
    );
    const exported = exportRows(groupByPrompt(collected, options), {
      ...pairs,
      format,
      modelFormat: formats[modelFormat],
      controlsIn: controlStringFinder(await controlStringsOf(formats[modelFormat], values.tokenizer)),
    });
    const { train, heldOut, counts, dropped } = exported;
    if (train.length + heldOut.length === 0) {
      throw new Error(
        `Nothing was written: of ${collected.stored.length} stored conversations and ${collected.feedback.length} judgements of these days no row came${reasonsOf(dropped)}. Give other days (--from, --to), or collect feedback and votes first (docs/feedback.md).`,
      );
    }
    writeFolder(
      values.out,
      () =>
        new Map([
          ['train.jsonl', linesOf(train)],
          ['held-out.jsonl', linesOf(heldOut)],
          [
            'README.md',
            cardOf({
              ...exported,
              ...range,
              format,
              modelFormat,
              conversations: collected.stored.length,
              feedback: collected.feedback.length,
              date: new Date().toISOString().slice(0, 10),
              filters: {
                kinds: [...pairs.kinds].join(', '),
                'good score': options.goodScore,
                'agreement of a vote': options.agreement,
                'short: times the tokens': pairs.shorter,
                'most pairs of a prompt': pairs.perPrompt,
                'held-out share of the prompts': pairs.heldOut,
                references: options.references.size,
              },
            }),
          ],
        ]),
    );
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify({ out: values.out, train: train.length, heldOut: heldOut.length, counts: Object.fromEntries(counts), dropped: Object.fromEntries(dropped) })}\n`
        : `${values.out}: ${train.length} rows, ${heldOut.length} held out (${[...counts].map(([kind, count]) => `${kind} ${count}`).join(', ')})${reasonsOf(dropped)}.\n`,
    );
    return 0;
  },
});

function oneOf<Name extends ExportFormat | FormatName>(option: string, value: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new UsageError(`--${option} is ${JSON.stringify(value)}. Give one of ${names.join(', ')}.`);
}

function kindsOf(text: string): ReadonlySet<PairKind> {
  return new Set(
    text.split(',').map((kind) => {
      const found = pairKinds.find((known) => known === kind.trim());
      if (found !== undefined) return found;
      throw new UsageError(`--kinds has ${JSON.stringify(kind.trim())}. Give some of ${pairKinds.join(',')}.`);
    }),
  );
}

async function referencesOf(file: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (file === undefined) return new Map();
  const questions = await readQuestions(file, Number.MAX_SAFE_INTEGER);
  return new Map(questions.map(({ question, answer }) => [question.trim(), answer]));
}

function linesOf(rows: readonly Row[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

function reasonsOf(dropped: ReadonlyMap<string, number>): string {
  const reasons = [...dropped].map(([reason, count]) => `${count} with ${reason}`);
  return reasons.length === 0 ? '' : `; left out: ${reasons.join(', ')}`;
}
