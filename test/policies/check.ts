/**
 * Contributors' check: AWS Control Tower's proactive controls, as rules of CloudFormation Guard, over the templates of all configs
 * (`npm run check:policies`). It installs the rules and the program for Linux on x86-64 into the user's cache. Fails for a rule that a template breaks and
 * that has no reason below, and for a reason that nothing needs.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';

const PACKAGE = '@cdklabs/cdk-validator-cfnguard';
const VERSION = '0.0.62';

/** Rules that templates break on purpose, and why. */
const reasons: Readonly<Record<string, string>> = {
  api_gw_xray_enabled_check: 'X-Ray is an option of the deployer: api.tracing.',
  cloudwatch_alarm_action_check: 'Actions need a topic of the deployer: watching.alarmTopicArn.',
  cloudwatch_log_group_encrypted_check: 'Logs hold no prompts or thoughts; CloudWatch encrypts them with its own key.',
  cloudwatch_log_group_retention_period_check: 'The rule wants a year. Ours is shorter, and the config decides.',
  lambda_function_public_access_prohibited_check:
    'The permission names the API in SourceArn. The rule does not see it in Fn::Join.',
  lambda_inside_vpc_check: 'A function in a network is an option: api.network.',
  s3_bucket_default_encryption_kms_check: 'A key of KMS is an option; without it S3 encrypts with its own.',
  s3_bucket_logging_enabled_check: 'CloudTrail has data events of buckets for those who want them.',
  s3_bucket_object_lock_enabled_check: 'Weights and checkpoints can be made again, and must be deletable.',
  s3_bucket_versioning_enabled_check:
    'Weights and checkpoints can be made again: versions would cost as much as they do.',
  s3_event_notifications_enabled_check: 'Nothing waits for objects in these buckets.',
  step_functions_state_machine_logging_enabled_check: 'The history of an execution has every state, for 90 days.',
  step_functions_state_machine_tracing_enabled_check: 'A run has one job at a time: its history shows the times.',
};

const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });
if (values.help) {
  console.log('npm run check:policies');
  process.exit(0);
}

const folder = join(homedir(), '.cache/budgetforce', `cfn-guard-${VERSION}`);
const installed = join(folder, 'node_modules', PACKAGE);
if (!existsSync(installed)) {
  console.error(`Installing ${PACKAGE} ${VERSION} into ${folder} …`);
  const packages = [`${PACKAGE}@${VERSION}`];
  execFileSync('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--legacy-peer-deps', ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
const guard = join(installed, 'bin/ubuntu/x86_64/cfn-guard');
chmodSync(guard, 0o755);

const root = join(import.meta.dirname, '../..');
const templates = mkdtempSync(join(tmpdir(), 'budgetforce-policies-'));
try {
  const configs = readdirSync(join(root, 'config')).filter((name) => name.endsWith('.json'));
  const context = ['--context', `config=${configs.map((name) => `config/${name}`).join(',')}`];
  execFileSync(
    join(root, 'node_modules/.bin/cdk'),
    ['synth', '--quiet', ...context, '--context', 'allow=placeholder-bucket', '--output', templates],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  process.exitCode = check() ? 0 : 1;
} finally {
  rmSync(templates, { recursive: true, force: true });
}

function check(): boolean {
  const files = readdirSync(templates).filter((name) => name.endsWith('.template.json'));
  const { stdout, stderr } = spawnSync(
    guard,
    [
      ...['validate', '--rules', join(installed, 'rules/control-tower'), '--type', 'CFNTemplate'],
      ...['--output-format', 'json', '--structured', '--show-summary', 'none'],
      ...['--data', ...files.map((name) => join(templates, name))],
    ],
    { encoding: 'utf8', maxBuffer: 2 ** 30 },
  );
  const rule = z.object({ Rule: z.object({ name: z.string() }) });
  const report = z.array(z.object({ name: z.string(), not_compliant: z.array(rule), compliant: z.array(z.string()) }));
  let results: z.output<typeof report>;
  try {
    results = report.parse(JSON.parse(stdout));
  } catch {
    throw new Error(`cfn-guard gave no report: ${stderr.slice(0, 2_000)}`);
  }
  if (results.length !== files.length)
    throw new Error(`cfn-guard judged ${results.length} of ${files.length} templates.`);
  const broken = new Map<string, string[]>();
  for (const { name, not_compliant: wrong } of results) {
    for (const { Rule } of wrong) {
      broken.set(Rule.name, [...(broken.get(Rule.name) ?? []), basename(name, '.template.json')]);
    }
  }
  const kept = new Set(results.flatMap(({ compliant }) => compliant));
  let passed = kept.size > 0;
  for (const [name, stacks] of [...broken].toSorted(([a], [b]) => a.localeCompare(b))) {
    const reason = reasons[name];
    if (reason === undefined) passed = false;
    console.log(
      `${reason === undefined ? 'FAILED' : 'on purpose'}: ${name} (${stacks.length} templates): ${reason ?? stacks.join(', ')}`,
    );
  }
  for (const name of Object.keys(reasons).filter((one) => !broken.has(one))) {
    passed = false;
    console.log(`FAILED: ${name} has a reason that no template needs. Remove it.`);
  }
  console.log(
    `${files.length} templates, ${kept.size} rules kept, ${broken.size} broken on purpose or not. ${passed ? 'Passed.' : 'Failed.'}`,
  );
  return passed;
}
