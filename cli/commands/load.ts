import { apiClientOptions, apiOptions } from '../api-client.ts';
import { defineCommand } from '../command.ts';
import { type BurstAnswer, type BurstSample, runBurst } from '../load-burst.ts';
import { parseNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';

/** `budgetforce load`. */
export const loadCommand = defineCommand({
  name: 'load',
  description: `Sends a burst of requests and shows, second by second, copies, pressure and granted budgets. A local endpoint to try it on:
npm start -- --copies 0..3 --start-seconds 20`,
  options: {
    requests: { type: 'string', placeholder: 'N', default: '60', description: 'number of requests' },
    rate: {
      type: 'string',
      placeholder: 'N',
      default: '2',
      description: 'requests per second; 0 sends all at once',
    },
    'max-tokens': {
      type: 'string',
      placeholder: 'N',
      default: '400',
      description: 'maximum thinking tokens of each request',
    },
    floor: {
      type: 'string',
      placeholder: 'N',
      default: '32',
      description: 'thinking tokens below which no budget shrinks',
    },
    elastic: {
      type: 'string',
      placeholder: 'SHARE',
      default: '1',
      description: 'share of requests whose budget may shrink, 0 to 1',
    },
    model: { type: 'string', placeholder: 'ID', defaultText: 'the first one', description: 'model to send to' },
    ...apiOptions,
    json: { type: 'boolean', description: 'print summary, samples and answers as JSON' },
  },
  note: 'Ctrl-C stops sending and waits for the requests in flight. A second Ctrl-C exits at once.',
  exitCodes: ['no request was lost', 'a request was lost'],
  async run({ values }) {
    const options = {
      ...apiClientOptions(values),
      model: values.model,
      requests: Math.round(parseNumber('requests', values.requests, { min: 1, max: 100_000 })),
      rate: parseNumber('rate', values.rate, { min: 0, max: 10_000 }),
      maxTokens: Math.round(parseNumber('max-tokens', values['max-tokens'], { min: 1, max: 1_000_000 })),
      floorTokens: Math.round(parseNumber('floor', values.floor, { min: 0, max: 1_000_000 })),
      elastic: parseNumber('elastic', values.elastic, { min: 0, max: 1 }),
    };
    if (options.floorTokens > options.maxTokens) {
      throw new UsageError(`--floor (${options.floorTokens}) is above --max-tokens (${options.maxTokens}).`);
    }
    if (!values.json) process.stdout.write(HEADINGS);
    const stop = new AbortController();
    const onInterrupt = () => stop.abort();
    process.once('SIGINT', onInterrupt);
    const { answers, samples } = await runBurst(
      options,
      (sample) => {
        if (!values.json) process.stdout.write(`${sampleLine(sample)}\n`);
      },
      stop.signal,
    ).finally(() => process.off('SIGINT', onInterrupt));
    const summary = summarize(answers, options.requests);
    process.stdout.write(values.json ? `${JSON.stringify({ summary, samples, answers })}\n` : summaryText(summary));
    return summary.lost === 0 ? 0 : 1;
  },
});

const HEADINGS = '  time  in flight  copies  starting  pressure  committed  granted of requested\n';

function sampleLine({
  at,
  inFlight,
  copies,
  starting,
  pressure,
  committedTokens,
  requested,
  granted,
}: BurstSample): string {
  const share = requested === 0 ? '' : `${Math.round((100 * granted) / requested)} %`;
  return [
    `${at.toFixed(0)} s`.padStart(6),
    String(inFlight).padStart(11),
    String(copies).padStart(8),
    String(starting).padStart(10),
    (pressure === null ? '-' : pressure.toFixed(2)).padStart(10),
    String(committedTokens).padStart(11),
    share.padStart(22),
  ].join('');
}

/** Counts the outcomes: answered, refused, lost and not sent add up to the requests. */
function summarize(answers: readonly BurstAnswer[], requests: number) {
  const done = answers.filter(({ status, lost }) => status === 200 && lost === undefined);
  const sum = (of: (answer: BurstAnswer) => number) => done.reduce((total, answer) => total + of(answer), 0);
  return {
    requests,
    notSent: requests - answers.length,
    answered: done.length,
    refused: answers.filter(({ status, lost }) => status !== 200 && lost === undefined).length,
    lost: answers.filter(({ lost }) => lost !== undefined).length,
    lostBecause: [...new Set(answers.flatMap(({ lost }) => lost ?? []))],
    shrunk: done.filter(({ granted, requested }) => granted < requested).length,
    cutByLoad: done.filter(({ endReason }) => endReason === 'load').length,
    grantedPart:
      sum(({ granted }) => granted) /
      Math.max(
        1,
        sum(({ requested }) => requested),
      ),
    leastGranted: done.length === 0 ? null : Math.min(...done.map(({ granted }) => granted)),
    firstTokenSeconds: percentiles(done.flatMap(({ firstTokenAfter }) => firstTokenAfter ?? [])),
    doneSeconds: percentiles(done.map(({ doneAfter }) => doneAfter)),
  };
}

function percentiles(values: readonly number[]) {
  if (values.length === 0) return { p50: null, p95: null, max: null };
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => Math.round(100 * (sorted[Math.ceil(part * sorted.length) - 1] ?? 0)) / 100;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

function summaryText(summary: ReturnType<typeof summarize>): string {
  const { requests, answered, refused, lost, lostBecause, notSent, shrunk, cutByLoad, grantedPart, leastGranted } =
    summary;
  const times = ({ p50, p95, max }: ReturnType<typeof percentiles>) =>
    p50 === null ? '–' : `p50 ${p50} s, p95 ${p95} s, max ${max} s`;
  return `
${requests} requests: ${answered} answered, ${refused} refused with Retry-After, ${lost} lost${lost === 0 ? '' : ` (${lostBecause.join('; ')})`}${notSent === 0 ? '' : `, ${notSent} not sent`}
thinking     ${Math.round(100 * grantedPart)} % of the requested tokens granted; ${shrunk} budgets shrunk${leastGranted === null || shrunk === 0 ? '' : `, the smallest to ${leastGranted} tokens`}; ${cutByLoad} thoughts cut by load
first token  ${times(summary.firstTokenSeconds)}
last token   ${times(summary.doneSeconds)}
`;
}
