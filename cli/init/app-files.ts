import type { ConfigInput } from '../../lib/config.ts';

/** What the files of an app say beside its config. */
export interface AppFacts {
  readonly config: ConfigInput;
  readonly instanceType: string;
  /** Dependency on this package, as npm writes it: a version or `file:…`. */
  readonly packageSpec: string;
  /** Versions of packages, as this package's own package.json has them. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Packages that the app needs, and those that `npx budgetforce doctor`, `weights` and `keys` need beside them. */
const NEEDED = ['aws-cdk-lib', 'constructs'];
const NEEDED_FOR_DEVELOPMENT = /^(?:aws-cdk|typescript|@types\/node|@aws-sdk\/(?:client|lib)-.+)$/;
/** The package depends on them itself. */
const NOT_NEEDED = new Set(['@aws-sdk/client-sagemaker-runtime']);

/** Files of a CDK app for one config, by path. */
export function appFiles(facts: AppFacts): ReadonlyMap<string, string> {
  const { name } = facts.config;
  return new Map([
    [`config/${name}.json`, json({ $schema: undefined, ...facts.config })],
    ['app.ts', app(name)],
    ['test/stacks.test.ts', tests(name)],
    ['cdk.json', json(cdk)],
    ['package.json', json(manifest(facts))],
    ['tsconfig.json', json(tsconfig)],
    ['.gitignore', 'node_modules/\ncdk.out/\n'],
    ['README.md', readme(facts)],
  ]);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

const cdk = {
  app: 'node app.ts',
  context: {
    '@aws-cdk/aws-iam:minimizePolicies': true,
    '@aws-cdk/core:checkSecretUsage': true,
    '@aws-cdk/aws-apigateway:disableCloudWatchRole': true,
    '@aws-cdk/aws-lambda:useCdkManagedLogGroup': true,
  },
};

const tsconfig = {
  compilerOptions: {
    strict: true,
    target: 'es2024',
    module: 'nodenext',
    lib: ['es2024', 'dom', 'esnext.disposable'],
    types: ['node'],
    noEmit: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
  },
  include: ['app.ts', 'test'],
};

function manifest({ config, packageSpec, versions }: AppFacts) {
  const pick = (wanted: (name: string) => boolean) =>
    Object.fromEntries(Object.entries(versions).filter(([name]) => wanted(name) && !NOT_NEEDED.has(name)));
  return {
    name: config.name,
    private: true,
    type: 'module',
    engines: { node: '>=22.18' },
    scripts: {
      test: 'node --test "test/**/*.test.ts"',
      typecheck: 'tsc',
      synth: 'cdk synth --quiet',
      deploy: 'cdk deploy --all',
    },
    dependencies: { ...pick((name) => NEEDED.includes(name)), budgetforce: packageSpec },
    devDependencies: pick((name) => NEEDED_FOR_DEVELOPMENT.test(name)),
  };
}

function app(name: string): string {
  return `import { App } from 'aws-cdk-lib';
import { addStacks, loadConfig } from 'budgetforce';

// Another stage: another file in config/, and one more line.
const app = new App();
addStacks(app, loadConfig('config/${name}.json'));
`;
}

function tests(name: string): string {
  return `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { addStacks, hostedPart, loadConfig } from 'budgetforce';

const config = loadConfig('config/${name}.json');
const { endpointStack, apiStack } = addStacks(new App(), config);
assert(endpointStack !== undefined, 'The config hosts no model.');
const endpoint = Template.fromStack(endpointStack);
const api = Template.fromStack(apiStack);
const models = hostedPart(config)?.models ?? [];

test('each model of the config is a component of the one endpoint', () => {
  endpoint.resourceCountIs('AWS::SageMaker::Endpoint', 1);
  endpoint.resourceCountIs('AWS::SageMaker::InferenceComponent', models.length);
});

test('copies scale in the range of the config', () => {
  const targets = Object.values(endpoint.findResources('AWS::ApplicationAutoScaling::ScalableTarget'));
  assert.deepEqual(
    targets.map(({ Properties }) => [Properties.MinCapacity, Properties.MaxCapacity]),
    models.map(({ copies }) => [copies.min, copies.max]),
  );
});

test('the instances are what the budget was planned with', () => {
  endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
    ProductionVariants: [
      { InstanceType: config.endpoint?.instanceType, ManagedInstanceScaling: { MaxInstanceCount: config.endpoint?.instances.max } },
    ],
  });
});

test('the API wants a key', () => {
  api.resourceCountIs('AWS::SecretsManager::Secret', 1);
});
`;
}

function readme({ config, instanceType }: AppFacts): string {
  const [model] = config.models;
  const hub = model !== undefined && 'source' in model && model.source.kind === 'hub';
  return `# ${config.name}

${model?.id} on ${instanceType} in ${config.region}, behind an OpenAI-compatible API, by [Budgetforce](node_modules/budgetforce/README.md).

\`\`\`sh
npm install
npm test                                            # synthesizes the stacks; needs no account
npx budgetforce plan config/${config.name}.json     # resources, quotas, dollars
npx budgetforce doctor config/${config.name}.json   # what in your account is missing, and the command that mends it
npx cdk bootstrap                                   # once per account and region
npm run deploy
\`\`\`

The output \`TryIt\` is a command that asks the model. \`npx cdk destroy --all\` removes everything but what it names.
${
  hub
    ? `
The weights come from the Hugging Face hub at each start of a copy. From a bucket of the region a copy starts faster:
\`npx budgetforce weights config/${config.name}.json --bucket BUCKET\` brings them there and changes the config.
`
    : ''
}
Fields of the config: [node_modules/budgetforce/docs/config.md](node_modules/budgetforce/docs/config.md).
`;
}
