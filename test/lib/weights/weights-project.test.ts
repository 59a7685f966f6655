import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, addStages, anApp, only } from '../synthesize.ts';

const statementsOf = (template: Template) =>
  (only(template, 'AWS::IAM::Policy')['PolicyDocument'] as { Statement: { Action: unknown; Resource: unknown }[] })
    .Statement;

describe('the stack of weights', () => {
  it('has a bucket of its own, which stays when the stack is deleted and is closed to the public', () => {
    const template = weights({});
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        LifecycleConfiguration: {
          Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 }, Status: 'Enabled' }],
        },
      },
    });
    template.hasOutput('BucketName', { Value: { Ref: Match.stringLikeRegexp('WeightsBucket') } });
    template.hasOutput('ProjectName', { Value: { Ref: Match.stringLikeRegexp('WeightsProgramProject') } });
  });

  it('has a project that runs one build at a time and gives back what it brought', () => {
    const project = only(weights({ maxHours: 2 }), 'AWS::CodeBuild::Project');
    expect(project).toMatchObject({
      ConcurrentBuildLimit: 1,
      TimeoutInMinutes: 120,
      Artifacts: { Type: 'NO_ARTIFACTS' },
    });
    const { BuildSpec } = project['Source'] as { BuildSpec: string };
    expect(JSON.parse(BuildSpec)).toMatchObject({
      env: { 'exported-variables': ['BROUGHT'] },
      phases: { build: { commands: ['BROUGHT=$(node index.mjs)', 'export BROUGHT'] } },
    });
  });

  it('may write into the bucket of the config, and into no other', () => {
    const template = weights({ bucket: 'models' });
    template.resourceCountIs('AWS::S3::Bucket', 0);
    const writing = statementsOf(template).filter(({ Action }) => JSON.stringify(Action).includes('s3:PutObject'));
    expect(JSON.stringify(writing.map(({ Resource }) => Resource))).toBe(
      JSON.stringify([{ 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::models/*']] }]),
    );
    expect(JSON.stringify(statementsOf(template))).not.toContain('s3:DeleteObject');
  });

  it('reads the token of the hub from its secret, at each build', () => {
    const template = weights({ tokenSecretName: 'hub-token' });
    const { EnvironmentVariables } = only(template, 'AWS::CodeBuild::Project')['Environment'] as {
      EnvironmentVariables: unknown[];
    };
    expect(EnvironmentVariables).toContainEqual({ Name: 'HF_TOKEN', Type: 'SECRETS_MANAGER', Value: 'hub-token' });
    const secrets = statementsOf(template).filter(({ Action }) => JSON.stringify(Action).includes('secretsmanager:'));
    expect(JSON.stringify(secrets)).toContain(':secret:hub-token-??????');
  });

  it('exists only if the config has it, and no stack waits for it', () => {
    expect(addStages(anApp(), aConfig()).weightsStack).toBeUndefined();
    const { endpointStack, weightsStack } = addStages(anApp(), aConfig({ weights: {} }));
    expect(weightsStack?.stackName).toBe('stage-weights');
    expect(endpointStack?.dependencies).toEqual([]);
  });

  it.each([
    ['s3://models', /Expected the name of a bucket, without s3:\/\//],
    ['A', /Expected the name of a bucket/],
  ])('refuses %s as a bucket', (bucket, message) => {
    expect(() => addStages(anApp(), aConfig({ weights: { bucket } }))).toThrow(message);
  });
});

function weights(input: ConfigInput['weights']): Template {
  const { weightsStack } = addStages(anApp(), aConfig({ weights: input }));
  if (weightsStack === undefined) throw new Error('There is no stack of weights.');
  return Template.fromStack(weightsStack);
}
