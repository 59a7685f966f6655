// Run by Node 22.18 or newer (or 24), which reads TypeScript: an older one fails on the first type.
import { App, Stack, type StackProps, Stage } from 'aws-cdk-lib';
import { CodePipeline, CodePipelineSource, ManualApprovalStep, ShellStep } from 'aws-cdk-lib/pipelines';
import { addStacks, type Config, loadConfig } from 'budgetforce';
import type { Construct } from 'constructs';

/** The stacks of one config, in the account and region that it names. */
class Reasoning extends Stage {
  readonly smokeTest: ShellStep;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id, {
      env: { region: config.region, ...(config.account !== undefined && { account: config.account }) },
    });
    const { apiStack } = addStacks(this, config);
    this.smokeTest = new ShellStep(`Ask${id}`, {
      envFromCfnOutputs: { BASE_URL: apiStack.baseUrlOutput },
      // Whether the API answers. To ask the model as well, give the step a role that may read the key.
      commands: ['curl --fail --silent --show-error --retry 5 "$(dirname "$BASE_URL")/healthz"'],
    });
  }
}

/** Staging in one account, then after an approval production in another one, in two regions at once. */
class PipelineStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps) {
    super(scope, id, props);
    const pipeline = new CodePipeline(this, 'Pipeline', {
      crossAccountKeys: true,
      synth: new ShellStep('Synth', {
        input: CodePipelineSource.connection('my-organization/my-repository', 'main', {
          connectionArn:
            'arn:aws:codeconnections:us-east-1:111122223333:connection/00000000-0000-0000-0000-000000000000',
        }),
        installCommands: ['n 24'],
        commands: ['npm ci', 'npx cdk synth'],
      }),
    });

    const staging = new Reasoning(this, 'Staging', loadConfig('config/staging.json'));
    pipeline.addStage(staging, { post: [staging.smokeTest] });

    const production = pipeline.addWave('Production', { pre: [new ManualApprovalStep('Approve')] });
    for (const region of ['us-east-1', 'us-west-2']) {
      const stage = new Reasoning(this, `Production-${region}`, loadConfig(`config/production-${region}.json`));
      production.addStage(stage, { post: [stage.smokeTest] });
    }
  }
}

const app = new App();
new PipelineStack(app, 'ReasoningPipeline', { env: { account: '111122223333', region: 'us-east-1' } });
