import { createHash } from 'node:crypto';
import { ApiError } from '../../errors/api-error.ts';
import type { Attributes } from '../passage.ts';
import type { Filter } from '../passage-index.ts';

/** A filter in S3 Vectors' own language. */
export interface VectorFilter {
  [key: string]: string | number | boolean | VectorFilter | (VectorFilter | string | number)[];
}

/** Longest key or value, in bytes, that is written as it is. With 16 attributes, longer ones would not fit into 2 KB. */
const MAX_PLAIN_BYTES = 40;

/**
 * Returns the metadata of attributes that filters look at. Long keys and values are replaced by their hashes: they can be compared for
 * equality all the same.
 */
export function filterableMetadata(attributes: Attributes): Readonly<Record<string, string | number | boolean>> {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [attributeKey(key), comparable(value)]));
}

/**
 * Translates a filter of OpenAI's search. A passage without the attribute differs from every value.
 *
 * @throws {ApiError} 400 if it compares the order of texts, which S3 Vectors cannot
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html
 */
export function translateFilter(filter: Filter): VectorFilter {
  switch (filter.type) {
    case 'and':
    case 'or':
      if (filter.filters.length === 0)
        throw new ApiError(400, `A filter of type "${filter.type}" needs at least one filter.`);
      return { [`$${filter.type}`]: filter.filters.map(translateFilter) };
    case 'eq':
      return { [attributeKey(filter.key)]: { $eq: comparable(filter.value) } };
    case 'ne':
      return missingOr(filter.key, { $ne: comparable(filter.value) });
    case 'in':
    case 'nin': {
      const values = filter.value.map((value) => comparable(value));
      if (values.length === 0) {
        throw new ApiError(400, `The filter of "${filter.key}" has no values: "${filter.type}" needs at least one.`);
      }
      if (filter.type === 'nin') return missingOr(filter.key, { $nin: values });
      return { [attributeKey(filter.key)]: { $in: values } };
    }
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      if (typeof filter.value !== 'number') {
        throw new ApiError(
          400,
          `The filter "${filter.type}" of "${filter.key}" compares with ${JSON.stringify(filter.value)}: only numbers can be compared by size.`,
        );
      }
      return { [attributeKey(filter.key)]: { [`$${filter.type}`]: filter.value } };
    default:
      return filter satisfies never;
  }
}

function missingOr(key: string, comparison: VectorFilter): VectorFilter {
  const name = attributeKey(key);
  return { $or: [{ [name]: { $exists: false } }, { [name]: comparison }] };
}

/** Metadata key of an attribute. The prefix keeps it apart from the product's own keys. */
function attributeKey(key: string): string {
  return Buffer.byteLength(key) <= MAX_PLAIN_BYTES ? `a_${key}` : `h_${hashOf(key)}`;
}

function comparable<Value extends string | number | boolean>(value: Value): Value | string {
  return typeof value === 'string' && Buffer.byteLength(value) > MAX_PLAIN_BYTES ? `#${hashOf(value)}` : value;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
