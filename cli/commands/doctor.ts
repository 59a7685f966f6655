import { configSchema, loadConfig } from '../../lib/config.ts';
import { defineCommand } from '../command.ts';
import { awsClients } from '../doctor/aws-clients.ts';
import { areas, examine } from '../doctor/examine.ts';
import { renderFindings } from '../doctor/render.ts';
import { UsageError } from '../usage-error.ts';

/** `budgetforce doctor`. */
export const doctorCommand = defineCommand({
  name: 'doctor',
  description:
    'Looks whether a config can be deployed: credentials, quotas, instance type in the zones, weights, images, the log role of API Gateway, CDK’s bootstrap, names that are taken, endpoints of other regions. Changes nothing. Each finding has the command that mends it. Without credentials it checks what needs none.',
  arguments: 'CONFIG.json',
  options: {
    profile: {
      type: 'string',
      placeholder: 'NAME',
      defaultText: 'the variable AWS_PROFILE, or the default one',
      description: 'profile of ~/.aws/config',
    },
    region: {
      type: 'string',
      placeholder: 'REGION',
      defaultText: 'that of the config',
      description: 'looks whether the config could be deployed in this region instead',
    },
    only: {
      type: 'string',
      multiple: true,
      placeholder: 'CHECK',
      defaultText: 'all',
      description: `one of ${areas.join(', ')}; may be repeated`,
    },
    json: { type: 'boolean', description: 'print the findings as one JSON line' },
  },
  note: 'It asks for: sts:GetCallerIdentity, servicequotas:GetServiceQuota, GetAWSDefaultServiceQuota and ListServiceQuotas, ec2:DescribeInstanceTypeOfferings, s3:ListBucket, ecr:BatchGetImage, apigateway:GET, cloudformation:DescribeStacks, sagemaker:DescribeEndpoint and DescribeInferenceComponent.',
  exitCodes: ['nothing is wrong', 'a problem was found'],
  async run({ values, positionals }) {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new UsageError('Give one config: budgetforce doctor CONFIG.json.');
    const unknown = values.only?.find((name) => !areas.includes(name));
    if (unknown !== undefined) {
      throw new UsageError(`--only ${unknown} is no check. Write one of ${areas.join(', ')}.`);
    }
    if (values.region !== undefined && !configSchema.shape.region.safeParse(values.region).success) {
      throw new UsageError(`--region ${values.region} is no region. Write one, for instance us-east-1.`);
    }
    const loaded = loadConfig(file);
    const config = values.region === undefined ? loaded : { ...loaded, region: values.region };
    const findings = await examine(config, awsClients(config.region, values.profile), values.only);
    process.stdout.write(values.json === true ? `${JSON.stringify({ findings })}\n` : renderFindings(findings));
    return findings.some(({ status }) => status === 'problem') ? 1 : 0;
  },
});
