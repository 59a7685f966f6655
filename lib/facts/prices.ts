import { readFileSync } from 'node:fs';
import * as z from 'zod';

/**
 * List prices and assumptions about a cold start, with their date. A file of the same shape can override each of them,
 * see `loadPrices`.
 */

const dollars = z.number().min(0);

const assumptionsSchema = z.strictObject({
  instanceSeconds: z.number().min(0).describe('Time until SageMaker has started an instance.'),
  imageSeconds: z.number().min(0).describe('Time until the image is on the instance.'),
  s3GibPerSecond: z.number().gt(0).describe('Rate at which the instance downloads weights from S3.'),
  hubGibPerSecond: z.number().gt(0).describe('Rate at which the instance downloads weights from the Hugging Face hub.'),
  loadGibPerSecond: z.number().gt(0).describe('Rate at which weights load from disk into the GPUs.'),
  engineSeconds: z.number().min(0).describe('Time for compilation, CUDA graphs and the first health check.'),
  decodeEfficiency: z.number().gt(0).max(1).describe('Share of the GPUs’ memory bandwidth that decoding reaches.'),
  trainingEfficiency: z
    .number()
    .gt(0)
    .max(1)
    .describe('Share of the GPUs’ bfloat16 arithmetic that training reaches, recomputed activations included.'),
  weightGatherGibPerSecond: z
    .number()
    .gt(0)
    .describe('Rate at which a GPU gets the weights that the GPUs of a training job share, for each sampled token.'),
  trainingStartSeconds: z
    .number()
    .min(0)
    .describe(
      'Billed time of a training job before its first step: image, packages, the base model from S3 to the GPUs.',
    ),
});

const pricesSchema = z.strictObject({
  date: z.string().min(1).describe('Date of these prices.'),
  source: z.string().min(1),
  instances: z.record(z.string(), dollars).describe('Dollars per hour of one hosting instance, by type.'),
  lambdaGbSecond: dollars,
  lambdaMillionRequests: dollars,
  apiMillionRequests: dollars,
  secretMonth: dollars,
  alarmMonth: dollars,
  highResolutionAlarmMonth: dollars,
  dashboardMonth: dollars,
  keyMonth: dollars,
  firewallMonth: dollars,
  firewallRuleMonth: dollars,
  vpcEndpointHour: dollars.describe('Price of one interface endpoint in one availability zone.'),
  tableMillionWrites: dollars.describe('Price of a million write request units of a DynamoDB table on demand.'),
  s3GibMonth: dollars.describe('Price of storing one GiB in S3 Standard for a month.'),
  spotDiscount: z
    .number()
    .min(0)
    .max(1)
    .describe('Share of the price that spot instances of training save, a usual value.'),
  assumptions: assumptionsSchema,
});

export type Prices = z.infer<typeof pricesSchema>;

const overridesSchema = pricesSchema.partial().extend({ assumptions: assumptionsSchema.partial().optional() });

/**
 * Prices of us-east-1. G instances have SageMaker's list price. P and g7e instances have EC2's on-demand price plus 15 %
 * (P) or 25 % (g7e), the usual surcharge of hosting, because no list was available. The rest is from AWS's price pages.
 */
export const defaultPrices: Prices = {
  date: '2026-11',
  source: 'list prices of us-east-1 as this version knows them',
  instances: {
    'ml.g5.xlarge': 1.408,
    'ml.g5.2xlarge': 1.515,
    'ml.g5.4xlarge': 2.03,
    'ml.g5.8xlarge': 3.06,
    'ml.g5.12xlarge': 7.09,
    'ml.g6.xlarge': 1.127,
    'ml.g6.2xlarge': 1.222,
    'ml.g6.4xlarge': 1.654,
    'ml.g6.8xlarge': 2.518,
    'ml.g6.12xlarge': 5.752,
    'ml.g6.24xlarge': 8.344,
    'ml.g6.48xlarge': 16.688,
    'ml.g6e.xlarge': 2.61,
    'ml.g6e.2xlarge': 2.8,
    'ml.g6e.4xlarge': 3.76,
    'ml.g6e.8xlarge': 5.66,
    'ml.g6e.12xlarge': 13.12,
    'ml.g6e.24xlarge': 18.83,
    'ml.g6e.48xlarge': 37.66,
    'ml.g7e.24xlarge': 20.7,
    'ml.p4d.24xlarge': 25,
    'ml.p5.4xlarge': 7.9,
    'ml.p5.48xlarge': 63,
    'ml.p5en.48xlarge': 73,
    'ml.p6-b200.48xlarge': 131,
  },
  lambdaGbSecond: 0.0000133334,
  lambdaMillionRequests: 0.2,
  apiMillionRequests: 3.5,
  secretMonth: 0.4,
  alarmMonth: 0.1,
  highResolutionAlarmMonth: 0.3,
  dashboardMonth: 3,
  keyMonth: 1,
  firewallMonth: 5,
  firewallRuleMonth: 1,
  vpcEndpointHour: 0.01,
  tableMillionWrites: 0.625,
  s3GibMonth: 0.023,
  spotDiscount: 0.5,
  assumptions: {
    instanceSeconds: 300,
    imageSeconds: 120,
    s3GibPerSecond: 1,
    hubGibPerSecond: 0.3,
    loadGibPerSecond: 2,
    engineSeconds: 90,
    decodeEfficiency: 0.6,
    // s1's 26 minutes: 315 steps of 16 rows of about 5,500 tokens on 16 H100, with recomputed activations (sft_multinode.sh).
    trainingEfficiency: 0.3,
    trainingStartSeconds: 600,
    weightGatherGibPerSecond: 100,
  },
};

/** Hours of an average month. */
export const HOURS_PER_MONTH = 730;

/**
 * Reads prices that override the defaults. A file may have any part of the shape above; a file with prices should also
 * have their date.
 *
 * @param file if omitted, the defaults are returned
 * @throws {Error} if the file cannot be read or has the wrong shape.
 */
export function loadPrices(file: string | undefined): Prices {
  if (file === undefined) return defaultPrices;
  let input: unknown;
  try {
    input = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new Error(`${file} cannot be read as prices: ${cause instanceof Error ? cause.message : cause}.`, { cause });
  }
  const parsed = overridesSchema.safeParse(input);
  if (!parsed.success) throw new Error(`${file} is wrong:\n${z.prettifyError(parsed.error)}`);
  const { instances, assumptions, ...rest } = parsed.data;
  return {
    ...defaultPrices,
    ...withoutUndefined(rest),
    source: rest.source ?? `${file} over ${defaultPrices.source} of ${defaultPrices.date}`,
    instances: { ...defaultPrices.instances, ...instances },
    assumptions: { ...defaultPrices.assumptions, ...withoutUndefined(assumptions ?? {}) },
  };
}

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

function withoutUndefined<T extends object>(values: T): Partial<Defined<T>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Defined<T>>;
}
