import { z } from 'zod';
import { amiVersions } from '../facts/amis.ts';

/** Config of an endpoint. Its models have a schema of their own. */

const count = z.int().min(0);
const seconds = z.int().min(0);

/** Number of copies, or of instances. */
export const countSchema = z
  .strictObject({
    initial: count.default(1).describe('Number at creation. Minimum: 1.'),
    min: count.default(1).describe('Minimum of scaling. 0 allows scaling to zero.'),
    max: count.default(1).describe('Maximum of scaling.'),
  })
  .prefault({});

const routingSchema = z.discriminatedUnion('strategy', [
  z.strictObject({
    strategy: z.literal('prefix-aware'),
    sharedPromptTokens: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Longest beginning of the prompt that all requests share, in tokens: system prompt and list of tools. 0 if they share nothing. Requests that are alike in all compared bytes go to one instance.',
      ),
    prefixBytes: z
      .int()
      .optional()
      .describe(
        'Bytes of the body that are compared, 1,024 to 65,536. If omitted, 7 for each of `sharedPromptTokens`, and 1,024 more.',
      ),
    concurrencyThreshold: z
      .int()
      .default(64)
      .describe('Requests in flight at which an instance is skipped, 1 to 1,024.'),
  }),
  z.strictObject({ strategy: z.literal('least-outstanding-requests') }),
  z.strictObject({ strategy: z.literal('random') }),
]);

const bakeSeconds = seconds.optional().describe('Bake time after each part, in seconds. If omitted, 300.');
const percent = z.number().describe('Part of the endpoint’s instances, in percent.');

const deploymentSchema = z.discriminatedUnion('strategy', [
  z.strictObject({ strategy: z.literal('all-at-once'), bakeSeconds }),
  z.strictObject({ strategy: z.literal('canary'), percent, bakeSeconds }),
  z.strictObject({ strategy: z.literal('linear'), percent, bakeSeconds }),
  z.strictObject({ strategy: z.literal('rolling'), percent, bakeSeconds }),
]);

/** Fields of an existing part of a VPC. */
export const existingNetworkFields = {
  subnetIds: z.array(z.string().startsWith('subnet-')).describe('Subnets in at least two zones.'),
  zones: z.array(z.string().min(1)).optional().describe('Zone of each subnet, in their order, to be checked at synth.'),
  securityGroupIds: z.array(z.string().startsWith('sg-')).describe('One to five security groups.'),
};

const networkSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('isolated'),
    cidr: z.string().optional().describe('Address range of the VPC. If omitted, `10.0.0.0/20`.'),
    zones: z
      .array(z.string().regex(/^[a-z]{2}(?:-[a-z]+)+-\d[a-z]$/, 'Expected zones, for instance "us-east-1a"'))
      .min(2)
      .optional()
      .describe('Zones of the VPC, at least two. If omitted, the first two zones of the region.'),
  }),
  z.strictObject({ kind: z.literal('existing'), ...existingNetworkFields }),
]);

const capacityReservationSchema = z.strictObject({
  planArn: z.string().min(1).describe('ARN of the training plan.'),
  instanceType: z.string().min(1).describe('Instance type that the plan reserves.'),
});

const scaleInSchema = z.strictObject({
  strategy: z
    .enum(['idle-release', 'consolidation'])
    .describe('`consolidation` also moves copies together, which frees instances.'),
  cooldownMinutes: z
    .int()
    .optional()
    .describe('Time between two rounds of consolidation, in minutes. 5 to 1,440. If omitted, 20.'),
});

export const endpointSchema = z.strictObject({
  instanceType: z.string().min(1).describe('For instance `ml.p5.48xlarge`.'),
  fallbackInstanceTypes: z
    .array(z.string().min(1))
    .optional()
    .describe('Types to use if `instanceType` has no capacity, in this order. Every model must fit each type.'),
  provisionSeconds: seconds
    .optional()
    .describe('Time for which SageMaker tries to find an instance, in seconds. 300 to 3,600.'),
  capacityReservation: capacityReservationSchema
    .optional()
    .describe('Reserved instances. If set, only these are used, and serving stops when the plan ends.'),
  scaleIn: scaleInSchema
    .optional()
    .describe('How idle instances are released. If omitted, instances without a copy are stopped.'),
  deployment: deploymentSchema
    .optional()
    .describe('How the endpoint changes to a new config. If omitted, all at once.'),
  network: networkSchema
    .optional()
    .describe(
      'Network of the containers: a new VPC without internet, or your own subnets. If omitted, outside your VPCs.',
    ),
  instances: countSchema,
  inferenceAmiVersion: z
    .enum(amiVersions)
    .optional()
    .describe('AMI of the instances. If omitted, the AMI that fits the images and GPUs.'),
  routing: routingSchema
    .prefault({ strategy: 'least-outstanding-requests' })
    .describe('How requests are distributed over instances and copies.'),
  networkIsolation: z
    .boolean()
    .optional()
    .describe('Whether the containers have no network. If omitted, true if every model comes from S3.'),
  kmsKeyArn: z
    .string()
    .min(1)
    .optional()
    .describe('KMS key for the storage volumes. Instance types with local disks do not accept one.'),
  detailedMetrics: z
    .boolean()
    .default(true)
    .describe('Whether the server and the GPUs send OpenTelemetry metrics to CloudWatch, charged by the gigabyte.'),
});
