import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { simulateCommand } from '../../cli/commands/simulate.ts';
import { costPlot, timePlot } from '../../simulate/plot.ts';
import { tightProfile } from '../simulate/worlds.ts';

const written: string[] = [];
let out: string;

beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'simulate-'));
  written.length = 0;
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

const small = ['--trace', 'code', '--bursts', '1', '--rounds', '1'];

describe('budgetforce simulate', () => {
  it('budgetforce simulate writes a page, plots and results, and prints a table', async () => {
    expect(await simulateCommand.run([...small, '--policies', 'fixed:16,elastic', '--out', out])).toBe(0);
    expect(readdirSync(out).toSorted()).toEqual([
      'code-bursts-1x-cost.svg',
      'code-bursts-1x-time.svg',
      'report.html',
      'results.json',
    ]);
    const text = written.join('');
    expect(text).toContain('code, bursts 1×: 8819 requests');
    expect(text).toMatch(/^fixed:16 /m);
    expect(text).toMatch(/^elastic /m);
    const { comparisons } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
    expect(comparisons[0].results[0].outcome.timeline.length).toBeGreaterThan(40);
  });

  it('budgetforce simulate --json prints results with their profile and objective', async () => {
    await simulateCommand.run([...small, '--policies', 'fixed:16', '--json', '--out', out, '--seed', '5']);
    const { comparisons, profile, objective } = JSON.parse(written.join(''));
    expect(profile.source).toContain('not measured');
    expect(objective).toEqual({
      firstToken: { seconds: 1, secondsPerPromptToken: 0 },
      refusedPart: 0.001,
      thinkingPart: 0,
    });
    expect(comparisons[0].results[0]).toMatchObject({ policy: 'fixed:16', outcome: { requests: 8_819, refused: 0 } });
  });

  it('budgetforce simulate reads a trace and a profile from files', async () => {
    const trace = join(out, 'mine.csv');
    writeFileSync(
      trace,
      `time,input_tokens,output_tokens\n${Array.from({ length: 60 }, (_, at) => `${at},50,20`).join('\n')}\n`,
    );
    const profile = join(out, 'profile.json');
    writeFileSync(profile, JSON.stringify({ ...tightProfile, name: 'my GPU' }));
    await simulateCommand.run([
      '--trace',
      trace,
      '--bursts',
      '1',
      '--profile',
      profile,
      '--policies',
      'fixed:4',
      '--out',
      out,
    ]);
    expect(written.join('')).toContain('my GPU');
    expect(written.join('')).toContain('mine.csv, bursts 1×: 180 requests');
  });

  it('budgetforce simulate --generate compares policies on random requests', async () => {
    await simulateCommand.run(['--generate', '2', '--hours', '2', '--policies', 'fixed:16', '--out', out]);
    expect(written.join('')).toMatch(/generated, 2\/s for 2 h, bursts 1×: \d+ requests/);
    expect(written.join('')).toMatch(/generated, 2\/s for 2 h, bursts 3×: \d+ requests/);
  });

  it.each([
    [['--policies', 'magic'], '--policies has "magic". Write aws-concurrency'],
    [['--policies', 'fixed:1.5'], 'A fixed fleet has a whole number of copies.'],
    [['--bursts', 'many'], '--bursts is "many". It must be a number from 1 to 100.'],
    [['--rounds', '0'], '--rounds is "0". It must be a whole number from 1 to 100000.'],
    [['--min-copies', '9', '--max-copies', '3'], '--min-copies is 9, more than --max-copies (3).'],
  ])('budgetforce simulate refuses %j', async (argv, message) => {
    await expect(simulateCommand.run([...argv, '--out', out])).rejects.toThrow(message);
    await expect(simulateCommand.run([...argv, '--out', out])).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('budgetforce simulate names the invalid field of a profile', async () => {
    const profile = join(out, 'profile.json');
    writeFileSync(profile, JSON.stringify({ ...tightProfile, copiesPerInstance: 0 }));
    await expect(simulateCommand.run(['--profile', profile, '--out', out])).rejects.toThrow(/copiesPerInstance/);
  });
});

describe('Plots', () => {
  it('A time plot draws one path per line and skips values that are not numbers', () => {
    const svg = timePlot('a <title>', [
      {
        title: 'copies',
        steps: true,
        lines: [
          {
            name: 'a',
            points: [
              [0, 1],
              [60, 3],
            ],
          },
          {
            name: 'b',
            points: [
              [0, 2],
              [60, 2],
            ],
          },
        ],
      },
      {
        title: 'seconds',
        scale: 'log',
        lines: [
          {
            name: 'a',
            points: [
              [0, 0],
              [60, 100],
              [120, Number.NaN],
              [180, 100],
            ],
          },
        ],
      },
    ]);
    expect(svg.match(/<path /g)?.length).toBe(3);
    // A missing value leaves a gap: the line starts again after it.
    expect(svg.match(/M[\d.]+,[\d.]+/g)?.length).toBe(4);
    expect(svg).toContain('a &lt;title&gt;');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('A cost plot puts cheaper and faster policies further down and left', () => {
    const svg = costPlot('costs', [
      { name: 'expensive', gpuHours: 100, seconds: 10 },
      { name: 'good', gpuHours: 10, seconds: 0.1 },
    ]);
    const [expensive, good] = [...svg.matchAll(/<\/title><circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => ({
      x: Number(x),
      y: Number(y),
    }));
    expect(good?.x).toBeLessThan(expensive?.x ?? 0);
    expect(good?.y).toBeGreaterThan(expensive?.y ?? 0);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});
