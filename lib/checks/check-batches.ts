import { findTimeZone } from '../../lambda/scaling/time-zone.ts';
import type { BatchRules } from '../../lambda/settings/batch-settings.ts';
import type { Refusal } from '../facts/refusal.ts';

/** What of an API with batches or webhooks is checked. */
interface CheckedBatches {
  readonly batches: BatchRules | undefined;
  readonly webhooks: boolean;
  readonly filesDays: number;
  /** Table of keys: `none` creates none. */
  readonly ledger: string;
  /** Whether the network of the functions is known to have no route to the internet. */
  readonly isolated: boolean;
}

/** Refuses batches without a place for their files and their state, and webhooks that cannot be sent. */
export function checkBatches({
  batches,
  webhooks,
  filesDays,
  ledger,
  isolated,
}: CheckedBatches): readonly (Refusal | undefined)[] {
  const zone = batches?.windows?.find(({ timezone }) => findTimeZone(timezone) === undefined)?.timezone;
  return [
    batches !== undefined && filesDays === 0
      ? {
          code: 'batches-retention',
          sentence:
            'batches have their requests and responses in files, but retention.filesDays is 0: write how many days files are kept, or leave batches out.',
          source: 'docs/batches.md',
        }
      : undefined,
    batches !== undefined && ledger === 'none'
      ? {
          code: 'batches-ledger',
          sentence:
            'batches need the table, which has their state, but api.ledger is "none": leave api.ledger out, or leave batches out.',
          source: 'docs/batches.md',
        }
      : undefined,
    zone === undefined
      ? undefined
      : {
          code: 'batches-timezone',
          sentence: `batches.windows has the time zone ${JSON.stringify(zone)}, which does not exist: write an IANA name, such as "Europe/Berlin".`,
          source: 'https://www.iana.org/time-zones',
        },
    webhooks && ledger === 'none'
      ? {
          code: 'webhooks-ledger',
          sentence:
            'api.webhooks needs the table, which has the events that are to be sent, but api.ledger is "none": leave one of them out.',
          source: 'docs/webhooks.md',
        }
      : undefined,
    webhooks && isolated
      ? {
          code: 'webhooks-network',
          sentence:
            'api.webhooks posts to URLs of the internet, but the function is in a network without a route to it: write api.network of kind "existing" with subnets that have a NAT gateway, or leave api.webhooks out.',
          source: 'https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html',
        }
      : undefined,
  ];
}
