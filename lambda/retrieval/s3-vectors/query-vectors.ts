import {
  QueryVectors$,
  QueryVectorsCommand,
  type S3VectorsClientResolvedConfig,
  type ServiceInputTypes,
  type ServiceOutputTypes,
  VectorData$,
} from '@aws-sdk/client-s3vectors';
import { Command } from '@smithy/core/client';
import { getEndpointPlugin } from '@smithy/core/endpoints';
import type { DocumentType, StaticOperationSchema, StaticStructureSchema } from '@smithy/types';

/** Input of QueryVectors with full-text search. A request has a vector, texts, or both. */
export interface QueryInput {
  readonly indexArn: string;
  /** 1 to 100. */
  readonly topK: number;
  readonly queryVector?: { readonly float32: number[] };
  /** 1 to 10, each of a key of its own. A text has 1 to 1,024 characters. */
  readonly queryTexts?: { readonly text: string; readonly metadataKey: string }[];
  readonly filter?: DocumentType;
  readonly returnMetadata?: boolean;
  readonly returnDistance?: boolean;
  readonly returnScores?: boolean;
}

export interface QueryOutput {
  readonly vectors?: {
    readonly key: string;
    readonly metadata?: DocumentType;
    readonly distance?: number;
    readonly scores?: {
      readonly fused?: number;
      readonly vectorDistance?: number;
      readonly bm25Scores?: { readonly metadataKey: string; readonly score: number }[];
    };
  }[];
}

const [, NAMESPACE] = QueryVectors$;
// Simple shapes of Smithy's static schemas.
const TEXT = 0;
const NUMBER = 1;
const BOOLEAN = 2;
const DOCUMENT = 15;

const structure = (name: string, members: Readonly<Record<string, unknown>>, required: number) =>
  [3, NAMESPACE, name, 0, Object.keys(members), Object.values(members), required] as unknown as StaticStructureSchema;
const list = (name: string, member: unknown) => [1, NAMESPACE, name, 0, member];

const queryText = structure('QueryText', { text: TEXT, metadataKey: TEXT }, 2);
const bm25Score = structure('Bm25Score', { metadataKey: TEXT, score: NUMBER }, 2);
const scores = structure(
  'QueryScores',
  { fused: NUMBER, bm25Scores: list('Bm25ScoreList', () => bm25Score), vectorDistance: NUMBER },
  0,
);
const outputVector = structure(
  'QueryOutputVector',
  { key: TEXT, distance: NUMBER, scores: () => scores, metadata: DOCUMENT },
  1,
);
const input = structure(
  'QueryVectorsInput',
  {
    topK: NUMBER,
    indexArn: TEXT,
    queryVector: () => VectorData$,
    queryTexts: list('QueryTextList', () => queryText),
    filter: DOCUMENT,
    returnMetadata: BOOLEAN,
    returnDistance: BOOLEAN,
    returnScores: BOOLEAN,
  },
  1,
);
const output = structure('QueryVectorsOutput', { vectors: list('QueryVectorsOutputList', () => outputVector) }, 1);

/** The operation as AWS's model of September 2026 has it. A test compares it with that model. */
export const queryVectorsOperation = [
  9,
  NAMESPACE,
  'QueryVectors',
  { http: ['POST', '/QueryVectors', 200] },
  () => input,
  () => output,
] as unknown as StaticOperationSchema;

/**
 * QueryVectors with `queryTexts` and `returnScores`, which the model in the SDK's client (3.1137.0) does not have yet: it drops them. If the
 * client's own command has them, use that.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3VectorBuckets_QueryVectors.html
 */
export const TextQueryCommand = Command.classBuilder<
  QueryInput,
  QueryOutput & { readonly $metadata: object },
  S3VectorsClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
>()
  .ep(QueryVectorsCommand.getEndpointParameterInstructions())
  .m((command, _, config) => [getEndpointPlugin(config, command.getEndpointParameterInstructions())])
  .s('S3Vectors', 'QueryVectors', {})
  .n('S3VectorsClient', 'QueryVectorsCommand')
  .sc(queryVectorsOperation)
  .build();
