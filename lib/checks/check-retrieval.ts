import type { Refusal } from '../facts/refusal.ts';
import { lacksVectors, VECTOR_REGIONS_SOURCE } from '../facts/vector-regions.ts';

/** What of an API and its retrieval is checked. */
interface CheckedRetrieval {
  readonly region: string;
  /** Table of keys: `none` creates none. */
  readonly ledger: string;
  /** Whether requests need a key. */
  readonly apiKey: boolean;
  /** Id of the first model. */
  readonly model: string;
  /** Path of its tokenizer.json. `undefined` if its server tokenizes. */
  readonly tokenizer: string | undefined;
}

/** Refuses retrieval in a region without S3 Vectors, without keys that own stores, and without a tokenizer that counts. */
export function checkRetrieval({
  region,
  ledger,
  apiKey,
  model,
  tokenizer,
}: CheckedRetrieval): readonly (Refusal | undefined)[] {
  return [
    lacksVectors(region)
      ? {
          code: 'retrieval-region',
          sentence: `region "${region}" lacks AWS::S3Vectors::Index, so the API's stack would fail: leave retrieval out, or write another region.`,
          source: VECTOR_REGIONS_SOURCE,
        }
      : undefined,
    ledger === 'none' || !apiKey
      ? {
          code: 'retrieval-keys',
          sentence: `retrieval needs ${ledger === 'none' ? 'the table, which has the stores of each key, but api.ledger is "none"' : 'keys, because a store belongs to one, but api.apiKey is false'}: leave ${ledger === 'none' ? 'api.ledger' : 'api.apiKey'} out, or leave retrieval out.`,
          source: 'docs/retrieval.md',
        }
      : undefined,
    tokenizer === undefined
      ? {
          code: 'retrieval-tokenizer',
          sentence: `retrieval cuts documents by the tokens of model "${model}", but its tokenizer is "endpoint", which the ingestion cannot ask for each sentence: write the path of its tokenizer.json as tokenizer.`,
          source: 'docs/retrieval.md',
          final: true,
        }
      : undefined,
  ];
}
