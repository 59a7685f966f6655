/**
 * Plays Python with the packages of training/sft for tests of the command: the probe of its packages, torchrun with train.py (20 steps
 * with checkpoints, a stop at SIGTERM, refusals), and the scripts that make rows, the base model and GGUF. What it prints is the form
 * that training/sft/README.md documents.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const STEPS = 20;
const [first = '', ...rest] = process.argv.slice(2);
const option = (name: string) => {
  const at = rest.indexOf(`--${name}`);
  return at < 0 ? rest.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3) : rest[at + 1];
};
const emit = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

if (first === '-c') probe();
else if (first === '-m') await train();
else if (first.endsWith('skill.py')) writeRows(option('out') ?? '');
else if (first.endsWith('export_safetensors.py')) writeFolder(option('out') ?? '');
else if (first.endsWith('export.py')) exportGguf();
else throw new Error(`There is no ${first}.`);

function probe(): void {
  const [, ...names] = rest;
  const wanted = readFileSync(join(import.meta.dirname, '../../../training/sft/requirements.txt'), 'utf8');
  const missing = (process.env['FAKE_MISSING'] ?? '').split(',');
  const versions = names.map((name) => [
    name,
    missing.includes(name) ? null : new RegExp(`^${name}==(.*)$`, 'm').exec(wanted)?.[1],
  ]);
  emit({
    python: (process.env['FAKE_VERSION'] ?? '3.12').split('.').map(Number),
    packages: Object.fromEntries(versions),
  });
}

async function train(): Promise<void> {
  if (process.env['FAKE_REFUSAL'] !== undefined) {
    process.stderr.write(`error: ${process.env['FAKE_REFUSAL']}\nTraceback\nChildFailedError\n`);
    process.exit(1);
  }
  const [output, checkpoints] = [option('output') ?? '', option('checkpoints') ?? ''];
  let asked = false;
  process.on('SIGTERM', () => {
    asked = true;
  });
  mkdirSync(checkpoints, { recursive: true });
  const found = Math.max(
    0,
    ...readdirSync(checkpoints).map((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? 0)),
  );
  const rows = readFileSync(option('data') ?? '', 'utf8')
    .trim()
    .split('\n').length;
  emit({
    event: 'start',
    processes: 2,
    checkpoint: found === 0 ? null : `checkpoint-${found}`,
    removed: [],
    rows,
    tokens: 1,
  });
  const save = (step: number) => {
    writeFileSync(join(checkpoints, `checkpoint-${step}`), '');
    emit({ event: 'checkpoint', step });
  };
  for (let step = found + 1; step <= STEPS; step++) {
    // Waits here until the test opens the gate, or stops the training.
    const gate = process.env['FAKE_GATE'];
    while (step > 7 && gate !== undefined && !existsSync(gate) && !asked) await sleep(20);
    const [epoch, loss, tokens] = [step / 10, 2 / step, (step - found) * 1_000];
    emit({
      step,
      steps: STEPS,
      epoch,
      loss,
      learning_rate: 1e-3,
      grad_norm: 1,
      token_accuracy: 0.5,
      tokens_per_second: 500,
      tokens,
    });
    if (asked) {
      save(step);
      emit({ event: 'stopped', step, checkpoint: `checkpoint-${step}` });
      process.exit(1);
    }
    if (step % 5 === 0) save(step);
  }
  writeFolder(output);
  emit({ event: 'done', step: STEPS, output });
}

function writeRows(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const row = (index: number) => JSON.stringify({ question: `${index}?`, thought: 't', answer: String(index) });
  writeFileSync(join(folder, 'train.jsonl'), `${[1, 2, 3].map(row).join('\n')}\n`);
  writeFileSync(join(folder, 'questions.jsonl'), '');
}

function writeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), '{}');
}

function exportGguf(): void {
  const model = option('model') ?? '';
  if (!existsSync(join(model, 'config.json')) || process.env['FAKE_GGUF'] === 'refused') {
    process.stderr.write('error: FOLDER is no llama like the embedded models: its architecture is qwen2.\n');
    process.exit(1);
  }
  writeFileSync(option('out') ?? '', 'GGUF');
}
