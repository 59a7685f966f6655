import { createHash } from 'node:crypto';
import type { Format } from '../../../lambda/forcing/format.ts';
import { TokenizerJson } from '../../../lambda/tokenizer/tokenizer-json.ts';
import { UnknownControlTokenError } from '../../../lambda/tokenizer/unknown-control-token-error.ts';
import { UsageError } from '../../usage-error.ts';
import { controlStringFinder, controlStringsOf } from './control-strings.ts';
import { type DataCheck, dataChecks } from './data-checks.ts';
import { dataFiles } from './data-files.ts';
import { encodeRow } from './encode-row.ts';
import type { EvaluationQuestions } from './evaluation-overlap.ts';
import { NearDuplicates } from './near-duplicates.ts';
import { readRecords, unitOf } from './read-records.ts';
import { secretsIn } from './secrets.ts';
import { type ColumnsName, columnsOf, type TrainingRow, toTrainingRow } from './training-row.ts';
import { wordsOf } from './words.ts';

/** Checks whose findings do not have to be repaired: they may be intended. */
const NOTES: readonly DataCheck[] = ['same-question', 'near-duplicate'];

/** Most rows that a finding lists. All are counted. */
const MAX_LISTED = 1_000;

/** What one check found. */
export interface DataFinding {
  readonly check: DataCheck;
  /** Whether the data must be repaired before it is trained on. */
  readonly repair: boolean;
  readonly count: number;
  /** The first rows, at most a thousand. */
  readonly rows: readonly RowFinding[];
}

interface RowFinding {
  readonly file: string;
  /** Line of a JSONL file, otherwise row. From 1. */
  readonly row: number;
  readonly text: string;
}

/** Lengths of rows in tokens: prompt, thought and answer with their delimiters. */
export interface TokenLengths {
  readonly total: number;
  /** Tokens on which the loss counts: all but the prompts. */
  readonly trained: number;
  readonly shortest: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  readonly longest: number;
  readonly longestRow: { readonly file: string; readonly row: number };
}

export interface DataReport {
  readonly files: readonly string[];
  /** Rows that can be read. */
  readonly rows: number;
  readonly columns: readonly ColumnsName[];
  readonly characters: number;
  /** `undefined` without a tokenizer, or without a row. */
  readonly tokens: TokenLengths | undefined;
  readonly findings: readonly DataFinding[];
}

export interface DataCheckOptions {
  readonly format: Format;
  /** Path of the model's tokenizer.json. If omitted, rows are not counted in tokens. */
  readonly tokenizerPath?: string | undefined;
  /** Columns of all files. @default - those of the first row of each file */
  readonly columns?: ColumnsName | undefined;
  /** Most tokens of a row. */
  readonly blockSize: number;
  /** Questions that must not be in the data. */
  readonly evaluation?: EvaluationQuestions | undefined;
  /** Checks whose findings are let through. */
  readonly allow?: readonly DataCheck[];
}

/**
 * Checks training data row by row. What stays in memory are lengths, and hashes of the questions.
 *
 * @throws {UsageError} if a file as a whole cannot be read, or the tokenizer does not belong to the format
 */
export async function checkData(path: string, options: DataCheckOptions): Promise<DataReport> {
  const checker = new RowChecker(options, await controlStringsOf(options.format, options.tokenizerPath));
  const files = await dataFiles(path);
  const columns = new Set<ColumnsName>();
  for (const file of files) {
    let chosen = options.columns;
    for await (const { number, value, problem } of readRecords(file)) {
      if (problem === undefined) chosen ??= columnsOf(value);
      if (chosen !== undefined) columns.add(chosen);
      await checker.add({ file, row: number }, problem ?? toTrainingRow(value, chosen));
    }
  }
  return { files, columns: [...columns], ...checker.report() };
}

type Place = Pick<RowFinding, 'file' | 'row'>;

class RowChecker {
  readonly #options: DataCheckOptions;
  readonly #tokenizer: TokenizerJson | undefined;
  readonly #controlsIn: (text: string) => readonly string[];
  readonly #findings = new Map<DataCheck, { count: number; rows: RowFinding[] }>();
  readonly #wholes = new Map<string, Place>();
  readonly #questions = new Map<string, Place>();
  readonly #near = new NearDuplicates();
  readonly #nearPlaces: Place[] = [];
  readonly #lengths: number[] = [];
  #longest: { readonly length: number; readonly place: Place } | undefined;
  #trained = 0;
  #rows = 0;
  #characters = 0;

  constructor(options: DataCheckOptions, controls: readonly string[]) {
    this.#options = options;
    this.#tokenizer = options.tokenizerPath === undefined ? undefined : TokenizerJson.fromFile(options.tokenizerPath);
    this.#controlsIn = controlStringFinder(controls);
  }

  async add(place: Place, row: TrainingRow | string): Promise<void> {
    if (typeof row === 'string') return this.#find('schema', place, row);
    this.#rows++;
    this.#characters += row.question.length + row.thought.length + row.answer.length;
    this.#compare(place, row);
    this.#read(place, row);
    await this.#measure(place, row);
  }

  report(): Omit<DataReport, 'files' | 'columns'> {
    const allowed = this.#options.allow ?? [];
    return {
      rows: this.#rows,
      characters: this.#characters,
      tokens: this.#tokens(),
      findings: dataChecks.flatMap((check) => {
        const found = this.#findings.get(check);
        return found === undefined
          ? []
          : [{ check, repair: !NOTES.includes(check) && !allowed.includes(check), ...found }];
      }),
    };
  }

  #find(check: DataCheck, place: Place, text: string): void {
    const found = this.#findings.get(check) ?? { count: 0, rows: [] };
    found.count++;
    if (found.rows.length < MAX_LISTED) found.rows.push({ ...place, text });
    this.#findings.set(check, found);
  }

  /** Compares a row with the rows before it, and with the questions of an evaluation. */
  #compare(place: Place, { system = '', question, thought, answer }: TrainingRow): void {
    const words = wordsOf(question);
    const overlap = this.#options.evaluation?.overlapOf(words);
    if (overlap !== undefined) this.#find('overlap', place, overlap);
    // A question of punctuation alone is compared as it is.
    const asked = words.length > 0 ? words.join(' ') : question;
    const whole = digest([asked, ...[system, thought, answer].map((text) => wordsOf(text).join(' '))].join('\0'));
    const same = digest(asked);
    const [wholeBefore, questionBefore] = [this.#wholes.get(whole), this.#questions.get(same)];
    if (wholeBefore !== undefined) {
      this.#find('duplicate', place, `repeats ${shown(wholeBefore, place)}`);
      return;
    }
    this.#wholes.set(whole, place);
    if (questionBefore !== undefined) {
      const text = `has the question of ${shown(questionBefore, place)} with another thought or answer`;
      this.#find('same-question', place, text);
      return;
    }
    this.#questions.set(same, place);
    const near = this.#near.add(question);
    this.#nearPlaces.push(place);
    const before = near === undefined ? undefined : this.#nearPlaces[near];
    if (before !== undefined) this.#find('near-duplicate', place, `asks nearly what ${shown(before, place)} asks`);
  }

  /** Looks for what should not be in a text. */
  #read(place: Place, row: TrainingRow): void {
    const texts = Object.entries(row).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    for (const [column, text] of texts) {
      const controls = this.#controlsIn(text);
      if (controls.length > 0)
        this.#find('control-string', place, `has ${controls.slice(0, 5).join(' ')} in its ${column}`);
      const secrets = secretsIn(text);
      if (secrets.length > 0) this.#find('secret', place, `may have a secret in its ${column}: ${secrets.join(', ')}`);
    }
  }

  async #measure(place: Place, row: TrainingRow): Promise<void> {
    if (this.#tokenizer === undefined) return;
    const { format, blockSize } = this.#options;
    const { ids, promptLength } = await encodeRow(row, format, this.#tokenizer).catch((cause: unknown) => {
      if (!(cause instanceof UnknownControlTokenError)) throw cause;
      throw new UsageError(
        `The tokenizer ${this.#options.tokenizerPath} does not belong to the format ${format.name}: ${cause.message}`,
      );
    });
    this.#lengths.push(ids.length);
    this.#trained += ids.length - promptLength;
    if (ids.length > (this.#longest?.length ?? 0)) this.#longest = { length: ids.length, place };
    if (ids.length > blockSize) this.#find('length', place, `has ${ids.length} tokens, more than ${blockSize}`);
  }

  #tokens(): TokenLengths | undefined {
    if (this.#longest === undefined) return undefined;
    const sorted = this.#lengths.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return {
      total: sorted.reduce((sum, length) => sum + length, 0),
      trained: this.#trained,
      shortest: at(0),
      median: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      longest: this.#longest.length,
      longestRow: this.#longest.place,
    };
  }
}

/** A row, as seen from another one. */
function shown({ file, row }: Place, seen: Place): string {
  return `${unitOf(file)} ${row}${file === seen.file ? '' : ` of ${file}`}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
