import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, all, deployedSettings, synthesize } from '../synthesize.ts';

const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const withBackground = (background: ConfigInput['background'] = {}, changes: Partial<ConfigInput> = {}) =>
  synthesize(aConfig({ background, retention: { responsesDays: 30 }, ...changes }));

const ofBackground = (template: ReturnType<typeof withBackground>['api']) =>
  all(template, 'AWS::Lambda::Function').find(({ Description }) => String(Description).includes('in the background'));

describe('background', { timeout: 60_000 }, () => {
  it('creates nothing unless the config has it', () => {
    const { api } = synthesize(aConfig({ retention: { responsesDays: 30 } }));
    api.resourceCountIs('AWS::Lambda::Alias', 0);
    expect(ofBackground(api)).toBeUndefined();
  });

  it('runs in a durable function whose executions outlast the longest response and its longest wait', () => {
    const { api } = withBackground({ maxHours: 5, maxWaitHours: 2 });
    expect(ofBackground(api)).toMatchObject({
      Timeout: 900,
      DurableConfig: { ExecutionTimeout: 8 * 3_600, RetentionPeriodInDays: 30 },
    });
  });

  it('is started by the API through an alias, which its settings name', () => {
    const stacks = withBackground();
    const [alias] = Object.keys(stacks.api.findResources('AWS::Lambda::Alias'));
    stacks.api.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([{ Action: 'lambda:InvokeFunction', Effect: 'Allow', Resource: { Ref: alias } }]),
      },
    });
    expect(deployedSettings(stacks).background).toMatchObject({ segmentMs: 480_000, maxSeconds: 86_400 });
  });

  it('may checkpoint its own executions alone', () => {
    const { api } = withBackground();
    const [id] = Object.entries(api.findResources('AWS::Lambda::Function')).find(([, { Properties }]) =>
      String(Properties.Description).includes('in the background'),
    ) ?? [''];
    const statements = all(api, 'AWS::IAM::Policy').flatMap(({ PolicyDocument }) => JSON.stringify(PolicyDocument));
    const checkpoints = statements.filter((text) => text.includes('lambda:CheckpointDurableExecution'));
    expect(checkpoints).toHaveLength(1);
    expect(checkpoints[0]).toContain(`{"Fn::Join":["",[{"Fn::GetAtt":["${id}","Arn"]},":*"]]}`);
  });

  it('leaves what it gives up in a queue, whose alarm notifies the topic', () => {
    const alarmTopicArn = 'arn:aws:sns:us-east-1:111122223333:alarms';
    const { api } = withBackground({}, { watching: { alarmTopicArn } });
    const [queue] = Object.keys(api.findResources('AWS::SQS::Queue'));
    expect(ofBackground(api)).toMatchObject({
      DeadLetterConfig: { TargetArn: { 'Fn::GetAtt': [queue, 'Arn'] } },
    });
    api.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('background was given up'),
      AlarmActions: [alarmTopicArn],
    });
  });

  it('keeps to the concurrency and the key of the config', () => {
    const { api } = withBackground({ concurrency: 7 }, { api: { kmsKeyArn } });
    expect(ofBackground(api)).toMatchObject({
      ReservedConcurrentExecutions: 7,
      KmsKeyArn: kmsKeyArn,
      DurableConfig: { KMSKeyArn: kmsKeyArn },
    });
  });

  it('has the settings of the API without the key of its clients', () => {
    const { api } = withBackground();
    const { Environment } = ofBackground(api) ?? {};
    const text = JSON.stringify(Environment);
    expect(text).toContain('BUDGETFORCE_TABLE_NAME');
    expect(text).toContain('BUDGETFORCE_CONTENT_BUCKET');
    expect(text).not.toContain('API_KEY');
    expect(text).not.toContain('FUNCTION_ARN');
  });

  it('keeps responses and feedback each for its own time', () => {
    const { api } = withBackground({}, { retention: { responsesDays: 3, feedbackDays: 90 } });
    api.hasResourceProperties('AWS::S3::Bucket', {
      LifecycleConfiguration: {
        Rules: Match.arrayWith([
          Match.objectLike({ Prefix: 'generations/', ExpirationInDays: 91 }),
          Match.objectLike({ Prefix: 'responses/', ExpirationInDays: 4 }),
        ]),
      },
    });
  });
});
