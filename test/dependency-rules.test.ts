import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** One forbidden import per rule of `.dependency-cruiser.cjs`: the file that has it, and what it imports. */
const planted: readonly (readonly [rule: string, from: string, to: string])[] = [
  ['policy-is-pure', 'lambda/policy/planted.ts', 'lambda/keys/target.ts'],
  ['policy-is-pure', 'lambda/policy/planted-package.ts', 'node:fs'],
  ['forcing-is-pure', 'lambda/forcing/planted.ts', 'lambda/tokenizer/target.ts'],
  ['upstream-is-ground', 'lambda/upstream/planted.ts', 'lambda/errors/target.ts'],
  ['tokenizer-is-ground', 'lambda/tokenizer/planted.ts', 'lambda/upstream/target.ts'],
  ['storage-is-ground', 'lambda/storage/planted.ts', 'lambda/keys/target.ts'],
  ['cli-root-is-ground', 'cli/planted.ts', 'local/target.ts'],
  ['formats', 'lambda/formats/planted.ts', 'lambda/settings/target.ts'],
  ['generation', 'lambda/generation/planted.ts', 'lambda/http/target.ts'],
  ['apis', 'lambda/apis/chat/planted.ts', 'lambda/openapi/target.ts'],
  ['lambda', 'lambda/models/planted.ts', 'lib/facts/target.ts'],
  ['simulate', 'simulate/planted.ts', 'lambda/scaling/target.ts'],
  ['lib-facts', 'lib/facts/planted.ts', 'lib/checks/target.ts'],
  ['lib-checks', 'lib/checks/planted.ts', 'lib/serving/target.ts'],
  ['lib-serving', 'lib/serving/planted.ts', 'lib/endpoint/target.ts'],
  ['lib-endpoint', 'lib/endpoint/planted.ts', 'lib/monitoring/target.ts'],
];

let house: string;

beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), 'budgetforce-rules-'));
  cpSync('.dependency-cruiser.cjs', join(house, '.dependency-cruiser.cjs'));
  cpSync('package.json', join(house, 'package.json'));
});

afterAll(() => rmSync(house, { recursive: true }));

describe('The dependency rules', () => {
  it('have a planted import each', () => {
    const { forbidden } = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as {
      forbidden: readonly { name: string }[];
    };
    const rules = new Set(forbidden.map(({ name }) => name));
    rules.delete('no-cycle');
    expect(new Set(planted.map(([rule]) => rule))).toEqual(rules);
  });

  it('refuse each planted import, of a type too, and a planted cycle', () => {
    for (const [, from, to] of planted) {
      const isFile = to.includes('/');
      if (isFile) write(to, 'export type Target = string;\n');
      const path = isFile ? specifier(from, to) : to;
      write(from, isFile ? `import type { Target } from '${path}';\nexport type A = Target;\n` : `import '${path}';\n`);
    }
    write('lambda/models/one.ts', "import type { Two } from './two.ts';\nexport type One = Two | 1;\n");
    write('lambda/models/two.ts', "import type { One } from './one.ts';\nexport type Two = One | 2;\n");
    const found = violations();
    for (const [rule, from] of planted) expect(found, `${rule} does not refuse ${from}`).toContain(`${rule} ${from}`);
    expect(found).toContain('no-cycle lambda/models/one.ts');
  });
});

function write(file: string, text: string): void {
  mkdirSync(join(house, dirname(file)), { recursive: true });
  writeFileSync(join(house, file), text);
}

function specifier(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

/** "rule file" of each violation. */
function violations(): readonly string[] {
  const command = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const run = () =>
    execFileSync(process.execPath, [command, 'cli', 'lambda', 'lib', 'simulate', '--output-type', 'json'], {
      cwd: house,
      encoding: 'utf8',
      maxBuffer: 64 * 1_024 * 1_024,
    });
  const { summary } = JSON.parse(outputOf(run)) as {
    summary: { violations: readonly { from: string; rule: { name: string } }[] };
  };
  return summary.violations.map(({ from, rule }) => `${rule.name} ${from}`);
}

/** The output of a command that fails because it found violations. */
function outputOf(run: () => string): string {
  try {
    return run();
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && typeof error.stdout === 'string') return error.stdout;
    throw error;
  }
}
