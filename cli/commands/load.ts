import { parseArgs } from 'node:util';
import { API_HELP, apiClientOptions, apiOptions } from '../api-client.ts';
import { type BurstAnswer, type BurstSample, runBurst } from '../load-burst.ts';
import { UsageError } from '../usage-error.ts';

const HELP = `Usage: budgetforce load [options]

Drives a burst of requests, and shows second by second what becomes of copies and budgets. Beside it:
npm start -- --copies 0..3 --start-seconds 20

Options:
  --requests N          how many (default 60)
  --rate N              so many a second; 0: all at once (default 2)
  --max-tokens N        thinking that each asks for at most (default 400)
  --floor N             how far it may shrink (default 32)
  --elastic SHARE       part of the requests that may shrink, 0 to 1 (default 1)
  --model ID            which model (default: the first)
${API_HELP}
  --json                the whole as JSON, each look and each answer
  --help                this text

Ctrl-C sends no more, and waits for those under way; once more ends at once.

Exit codes: 0 no request was lost, 1 some were, 2 wrong usage.
`;

export const loadCommand = {
  name: 'load',
  summary: 'drive a burst of requests, and show what becomes of their budgets',
  help: HELP,
  async run(argv: readonly string[]): Promise<number> {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        ...apiOptions,
        requests: { type: 'string', default: '60' },
        rate: { type: 'string', default: '2' },
        'max-tokens': { type: 'string', default: '400' },
        floor: { type: 'string', default: '32' },
        elastic: { type: 'string', default: '1' },
        model: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const number = (name: string, value: string, from: number, to: number) => {
      const parsed = Number(value);
      if (value !== '' && parsed >= from && parsed <= to) return parsed;
      throw new UsageError(`--${name} is ${JSON.stringify(value)}. It must be a number from ${from} to ${to}.`);
    };
    const options = {
      ...apiClientOptions(values),
      model: values.model,
      requests: Math.round(number('requests', values.requests, 1, 100_000)),
      rate: number('rate', values.rate, 0, 10_000),
      maxTokens: Math.round(number('max-tokens', values['max-tokens'], 1, 1_000_000)),
      floorTokens: Math.round(number('floor', values.floor, 0, 1_000_000)),
      elastic: number('elastic', values.elastic, 0, 1),
    };
    if (options.floorTokens > options.maxTokens) {
      throw new UsageError(`--floor (${options.floorTokens}) is above --max-tokens (${options.maxTokens}).`);
    }
    if (!values.json)
      process.stdout.write('  time  in flight  copies  starting  pressure  committed  granted of wanted\n');
    const stop = new AbortController();
    const interrupt = () => stop.abort();
    process.once('SIGINT', interrupt);
    const { answers, samples } = await runBurst(
      options,
      (sample) => {
        if (!values.json) process.stdout.write(`${line(sample)}\n`);
      },
      stop.signal,
    ).finally(() => process.off('SIGINT', interrupt));
    const summary = summaryOf(answers, options.requests);
    process.stdout.write(values.json ? `${JSON.stringify({ summary, samples, answers })}\n` : text(summary));
    return summary.lost === 0 ? 0 : 1;
  },
};

function line({ at, inFlight, copies, starting, pressure, committedTokens, wanted, granted }: BurstSample): string {
  const part = wanted === 0 ? '' : `${Math.round((100 * granted) / wanted)} %`;
  return [
    `${at.toFixed(0)} s`.padStart(6),
    String(inFlight).padStart(11),
    String(copies).padStart(8),
    String(starting).padStart(10),
    (pressure === null ? '-' : pressure.toFixed(2)).padStart(10),
    String(committedTokens).padStart(11),
    part.padStart(19),
  ].join('');
}

/** Answered, refused, lost and not sent add up to the requests. */
function summaryOf(answers: readonly BurstAnswer[], requests: number) {
  const done = answers.filter(({ status, lost }) => status === 200 && lost === undefined);
  const sum = (of: (answer: BurstAnswer) => number) => done.reduce((total, answer) => total + of(answer), 0);
  return {
    requests,
    notSent: requests - answers.length,
    answered: done.length,
    refused: answers.filter(({ status, lost }) => status !== 200 && lost === undefined).length,
    lost: answers.filter(({ lost }) => lost !== undefined).length,
    lostBecause: [...new Set(answers.flatMap(({ lost }) => lost ?? []))],
    shrunk: done.filter(({ granted, wanted }) => granted < wanted).length,
    cutByLoad: done.filter(({ endReason }) => endReason === 'load').length,
    grantedPart:
      sum(({ granted }) => granted) /
      Math.max(
        1,
        sum(({ wanted }) => wanted),
      ),
    leastGranted: done.length === 0 ? null : Math.min(...done.map(({ granted }) => granted)),
    firstTokenSeconds: percentiles(done.flatMap(({ firstTokenAfter }) => firstTokenAfter ?? [])),
    doneSeconds: percentiles(done.map(({ doneAfter }) => doneAfter)),
  };
}

function percentiles(values: readonly number[]) {
  if (values.length === 0) return { p50: null, p95: null, most: null };
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => Math.round(100 * (sorted[Math.ceil(part * sorted.length) - 1] ?? 0)) / 100;
  return { p50: at(0.5), p95: at(0.95), most: at(1) };
}

function text(summary: ReturnType<typeof summaryOf>): string {
  const { requests, answered, refused, lost, lostBecause, notSent, shrunk, cutByLoad, grantedPart, leastGranted } =
    summary;
  const times = ({ p50, p95, most }: ReturnType<typeof percentiles>) =>
    p50 === null ? '–' : `p50 ${p50} s, p95 ${p95} s, longest ${most} s`;
  return `
${requests} requests: ${answered} answered, ${refused} refused with a time to come back, ${lost} lost${lost === 0 ? '' : ` (${lostBecause.join('; ')})`}${notSent === 0 ? '' : `, ${notSent} not sent`}
thinking     ${Math.round(100 * grantedPart)} % of what was asked for was granted; ${shrunk} shrunk${leastGranted === null || shrunk === 0 ? '' : `, the least to ${leastGranted} tokens`}; ${cutByLoad} cut under way
first token  ${times(summary.firstTokenSeconds)}
whole        ${times(summary.doneSeconds)}
`;
}
