/**
 * What a gateway costs between a client and a model server: `npm run bench:relay -- [--gateways NAMES] [--loads NAMES] [--rounds N]`.
 *
 * A model server streams tokens at an exact rate. Each gateway passes the same streams on, one gateway after the other in each round, so that
 * all of them meet the machine as it is. Prints for each load the processor time of the gateway per token and its ratio to a pipe of bytes,
 * the time that it adds to the first token (median, against the model server itself), its memory per stream, and streams that did not end
 * as they should. Linux only: processor time and memory are read from /proc.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TokenizerJson } from '../lambda/tokenizer/tokenizer-json.ts';
import { type Gateway, type GatewayName, gateways, TOKENIZER } from './relay/gateways.ts';
import { openStreams } from './relay/load.ts';
import { cpuMs, memoryKiB, startProgram } from './relay/processes.ts';

const loads = {
  '1 × 100/s': { streams: 1, rate: 100, tokens: 300 },
  '20 × 100/s': { streams: 20, rate: 100, tokens: 500 },
  '200 × 100/s': { streams: 200, rate: 100, tokens: 200 },
  '1000 × 5/s': { streams: 1_000, rate: 5, tokens: 50 },
} as const;
type LoadName = keyof typeof loads;

const { values } = parseArgs({
  options: {
    gateways: { type: 'string', default: Object.keys(gateways).join(';') },
    loads: { type: 'string', default: Object.keys(loads).join(';') },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`npm run bench:relay -- [--gateways NAME;NAME] [--loads NAME;NAME] [--rounds 3] [--json FILE]

Gateways: ${Object.keys(gateways).join('; ')}
Loads: ${Object.keys(loads).join('; ')}

portkey and litellm are installed into the user's cache when they are first named.`);
  process.exit(0);
}
const names = chosen(values.gateways, gateways);
const chosenLoads = chosen(values.loads, loads);
const rounds = Number(values.rounds);

interface Measured {
  readonly cpuPerToken: number;
  readonly firstMs: number;
  readonly kibPerStream: number;
  readonly failures: readonly string[];
}

const results = new Map<string, Measured[]>();
const [token = 0] = await TokenizerJson.fromFile(TOKENIZER).encode('a');
for (const load of chosenLoads) {
  const { child, answer } = await startProgram(join(import.meta.dirname, 'relay/fake-server.ts'), [
    String(loads[load].rate),
    String(token),
  ]);
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      process.stderr.write(`${load}, round ${round + 1} of ${rounds}, ${name} …\n`);
      const gateway = await gateways[name](Number(answer));
      try {
        const key = `${load}|${name}`;
        results.set(key, [...(results.get(key) ?? []), await measure(gateway, load)]);
      } finally {
        gateway.close();
      }
    }
  }
  child.kill();
}

const rows = chosenLoads.flatMap((load) => {
  const of = (name: GatewayName) => results.get(`${load}|${name}`) ?? [];
  const pipe = median(of('pipe').map(({ cpuPerToken }) => cpuPerToken));
  const direct = median(of('direct').map(({ firstMs }) => firstMs));
  return names
    .filter((name) => name !== 'direct')
    .map((name) => {
      const cpu = median(of(name).map(({ cpuPerToken }) => cpuPerToken));
      const failures = of(name).flatMap((measured) => measured.failures);
      for (const failure of [...new Set(failures)].slice(0, 3)) process.stderr.write(`${load}, ${name}: ${failure}\n`);
      return {
        load,
        gateway: name,
        'µs per token': Math.round(cpu),
        '× pipe': (cpu / pipe).toFixed(2),
        'first token, added ms': (median(of(name).map(({ firstMs }) => firstMs)) - direct).toFixed(1),
        'KiB per stream': Math.round(median(of(name).map(({ kibPerStream }) => kibPerStream))),
        'failed streams': failures.length,
      };
    });
});
console.table(rows);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);

/** Warms a gateway up, and lets it pass the streams of a load. */
async function measure({ url, pid, headers, body }: Gateway, load: LoadName): Promise<Measured> {
  const { streams, tokens, rate } = loads[load];
  const common = { url, headers, body };
  await openStreams({ ...common, streams: Math.min(streams, 20), tokens: 50, spreadMs: 0 });
  const memoryBefore = memoryKiB(pid);
  const before = cpuMs(pid);
  let memory = memoryBefore;
  const watch = setInterval(() => {
    memory = Math.max(memory, memoryKiB(pid));
  }, 200);
  const read = await openStreams({ ...common, streams, tokens, spreadMs: Math.min(2_000, (streams * 1_000) / rate) });
  clearInterval(watch);
  const passed = read.reduce((sum, stream) => sum + stream.tokens, 0);
  return {
    cpuPerToken: ((cpuMs(pid) - before) * 1_000) / Math.max(1, passed),
    firstMs: median(read.map(({ firstMs }) => firstMs).filter((ms) => !Number.isNaN(ms))),
    kibPerStream: (memory - memoryBefore) / streams,
    failures: read.flatMap(({ failure }) => failure ?? []),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Names from a list. @throws {Error} for one that does not exist */
function chosen<Name extends string>(text: string, known: Readonly<Record<Name, unknown>>): readonly Name[] {
  return text.split(';').map((part) => {
    const name = part.trim();
    if (!Object.hasOwn(known, name))
      throw new Error(`There is no ${name}. There are ${Object.keys(known).join('; ')}.`);
    return name as Name;
  });
}
