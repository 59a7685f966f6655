import * as z from 'zod';
import { attributesSchema, fileErrors } from '../../retrieval/stores/records.ts';
import { type ApiDescription, body, follow, ok, parameter, refused } from '../operation.ts';
import { pageQuerySchema } from '../paging.ts';
import { count, text, unixSeconds } from '../response-schemas.ts';
import {
  newBatchSchema,
  newStoreFileSchema,
  newStoreSchema,
  searchSchema,
  storeChangeSchema,
  storeFileChangeSchema,
} from './request.ts';
import { storeFileQuerySchema } from './store-file-query.ts';

const storeId = parameter('path', 'id', { type: 'string' }, 'The id of a vector store, `vs_…`.');
const fileId = parameter('path', 'file', { type: 'string' }, 'The id of a file, `file-…`.');
const batchId = parameter('path', 'batch', { type: 'string' }, 'The id of a batch, `vsfb_…`.');
const tags = ['documents'] as const;

const counts = z.strictObject({
  in_progress: count,
  completed: count,
  cancelled: count,
  failed: count,
  total: count,
});

const store = z.strictObject({
  id: text,
  object: z.literal('vector_store'),
  created_at: unixSeconds,
  name: text,
  description: text.optional(),
  metadata: z.record(text, text),
  last_active_at: unixSeconds,
  status: z.enum(['in_progress', 'completed']),
  usage_bytes: count,
  file_counts: counts,
  expires_after: z.strictObject({ anchor: z.literal('last_active_at'), days: count }).optional(),
  expires_at: unixSeconds.nullable(),
});

const storeFile = z.strictObject({
  id: text,
  object: z.literal('vector_store.file'),
  created_at: unixSeconds,
  vector_store_id: text,
  status: z.enum(['in_progress', 'completed', 'cancelled', 'failed']),
  usage_bytes: count,
  last_error: z.strictObject({ code: z.enum(fileErrors), message: text }).nullable(),
  attributes: attributesSchema,
  chunking_strategy: z.strictObject({
    type: z.literal('static'),
    static: z.strictObject({ max_chunk_size_tokens: count, chunk_overlap_tokens: count }),
  }),
});

const batch = z.strictObject({
  id: text,
  object: z.literal('vector_store.files_batch'),
  created_at: unixSeconds,
  vector_store_id: text,
  status: z.enum(['in_progress', 'completed', 'cancelled', 'failed']),
  file_counts: counts,
});

const page = (item: z.ZodType) =>
  z.strictObject({
    object: z.literal('list'),
    data: z.array(item),
    first_id: text.nullable(),
    last_id: text.nullable(),
    has_more: z.boolean(),
  });

const content = z.strictObject({ type: z.literal('text'), text });

const ofStore = [
  'createVectorStoreFile',
  'createVectorStoreFileBatch',
  'retrieveVectorStore',
  'modifyVectorStore',
  'searchVectorStore',
  'listVectorStoreFiles',
  'deleteVectorStore',
];

const fileLinks = follow(
  ['retrieveVectorStoreFile', 'updateVectorStoreFile', 'retrieveVectorStoreFileContent', 'deleteVectorStoreFile'],
  { id: '$response.body#/vector_store_id', file: '$response.body#/id' },
);
const batchLinks = follow(
  ['retrieveVectorStoreFileBatch', 'cancelVectorStoreFileBatch', 'listVectorStoreFilesInBatch'],
  { id: '$response.body#/vector_store_id', batch: '$response.body#/id' },
);

/** OpenAPI description of the vector stores. */
export const description: ApiDescription<
  | 'createVectorStore'
  | 'listVectorStores'
  | 'retrieveVectorStore'
  | 'modifyVectorStore'
  | 'deleteVectorStore'
  | 'searchVectorStore'
  | 'createVectorStoreFile'
  | 'listVectorStoreFiles'
  | 'retrieveVectorStoreFile'
  | 'updateVectorStoreFile'
  | 'deleteVectorStoreFile'
  | 'retrieveVectorStoreFileContent'
  | 'createVectorStoreFileBatch'
  | 'retrieveVectorStoreFileBatch'
  | 'cancelVectorStoreFileBatch'
  | 'listVectorStoreFilesInBatch'
> = {
  operations: {
    createVectorStore: {
      tags,
      summary: 'Create a vector store, with files or without',
      requestBody: body('NewVectorStore', { name: 'handbook' }),
      responses: { ...ok('VectorStore', '200', follow(ofStore, { id: '$response.body#/id' })), ...refused('Error') },
    },
    listVectorStores: {
      tags,
      summary: 'List the vector stores of the key',
      query: pageQuerySchema,
      responses: { ...ok('VectorStoreList'), ...refused('Error') },
    },
    retrieveVectorStore: {
      tags,
      summary: 'Get one vector store',
      parameters: [storeId],
      responses: { ...ok('VectorStore'), ...refused('Error') },
    },
    modifyVectorStore: {
      tags,
      summary: 'Change name, metadata or expiry of a vector store',
      parameters: [storeId],
      requestBody: body('VectorStoreChange', { name: 'handbook 2' }),
      responses: { ...ok('VectorStore'), ...refused('Error') },
    },
    deleteVectorStore: {
      tags,
      summary: 'Delete a vector store. Its files stay',
      parameters: [storeId],
      responses: { ...ok('VectorStoreDeleted'), ...refused('Error') },
    },
    searchVectorStore: {
      tags,
      summary: 'Search the passages of a vector store',
      parameters: [storeId],
      requestBody: body('VectorStoreSearch', { query: 'How long is the warranty?', max_num_results: 3 }),
      responses: { ...ok('VectorStoreSearchResults'), ...refused('Error') },
    },
    createVectorStoreFile: {
      tags,
      summary: 'Take a file into a vector store',
      parameters: [storeId],
      requestBody: body('NewVectorStoreFile', { file_id: 'file-0123456789abcdef', attributes: { year: 2026 } }),
      responses: { ...ok('VectorStoreFile', '200', fileLinks), ...refused('Error') },
    },
    listVectorStoreFiles: {
      tags,
      summary: 'List the files of a vector store',
      parameters: [storeId],
      query: storeFileQuerySchema,
      responses: { ...ok('VectorStoreFileList'), ...refused('Error') },
    },
    retrieveVectorStoreFile: {
      tags,
      summary: 'Get one file of a vector store, with its state',
      parameters: [storeId, fileId],
      responses: { ...ok('VectorStoreFile'), ...refused('Error') },
    },
    updateVectorStoreFile: {
      tags,
      summary: 'Replace the attributes of a file in a vector store',
      parameters: [storeId, fileId],
      requestBody: body('VectorStoreFileChange', { attributes: { year: 2027 } }),
      responses: { ...ok('VectorStoreFile'), ...refused('Error') },
    },
    deleteVectorStoreFile: {
      tags,
      summary: 'Take a file out of a vector store. The file stays',
      parameters: [storeId, fileId],
      responses: { ...ok('VectorStoreFileDeleted'), ...refused('Error') },
    },
    retrieveVectorStoreFileContent: {
      tags,
      summary: 'Get the text of a file in a vector store, as its passages',
      parameters: [storeId, fileId],
      responses: { ...ok('VectorStoreFileContent'), ...refused('Error') },
    },
    createVectorStoreFileBatch: {
      tags,
      summary: 'Take several files into a vector store',
      parameters: [storeId],
      requestBody: body('NewVectorStoreFileBatch', { file_ids: ['file-0123456789abcdef'] }),
      responses: { ...ok('VectorStoreFileBatch', '200', batchLinks), ...refused('Error') },
    },
    retrieveVectorStoreFileBatch: {
      tags,
      summary: 'Get a batch, with the states of its files',
      parameters: [storeId, batchId],
      responses: { ...ok('VectorStoreFileBatch'), ...refused('Error') },
    },
    cancelVectorStoreFileBatch: {
      tags,
      summary: 'Cancel what of a batch has not begun',
      parameters: [storeId, batchId],
      responses: { ...ok('VectorStoreFileBatch'), ...refused('Error') },
    },
    listVectorStoreFilesInBatch: {
      tags,
      summary: 'List the files of a batch',
      parameters: [storeId, batchId],
      query: storeFileQuerySchema,
      responses: { ...ok('VectorStoreFileList'), ...refused('Error') },
    },
  },
  requestSchemas: {
    NewVectorStore: newStoreSchema,
    VectorStoreChange: storeChangeSchema,
    VectorStoreSearch: searchSchema,
    NewVectorStoreFile: newStoreFileSchema,
    VectorStoreFileChange: storeFileChangeSchema,
    NewVectorStoreFileBatch: newBatchSchema,
  },
  responseSchemas: {
    VectorStore: store,
    VectorStoreList: page(store),
    VectorStoreDeleted: z.strictObject({
      id: text,
      object: z.literal('vector_store.deleted'),
      deleted: z.literal(true),
    }),
    VectorStoreSearchResults: z.strictObject({
      object: z.literal('vector_store.search_results.page'),
      search_query: z.array(text),
      data: z.array(
        z.strictObject({
          passage_id: text.describe('As `id` in `budget_forcing.retrieval.passages`. OpenAI has no such field.'),
          file_id: text,
          filename: text,
          score: z.number().min(0).max(1),
          attributes: attributesSchema,
          content: z.array(content),
        }),
      ),
      has_more: z.literal(false),
      next_page: z.null(),
    }),
    VectorStoreFile: storeFile,
    VectorStoreFileList: page(storeFile),
    VectorStoreFileDeleted: z.strictObject({
      id: text,
      object: z.literal('vector_store.file.deleted'),
      deleted: z.literal(true),
    }),
    VectorStoreFileContent: z.strictObject({
      object: z.literal('vector_store.file_content.page'),
      data: z.array(content),
      has_more: z.literal(false),
      next_page: z.null(),
    }),
    VectorStoreFileBatch: batch,
  },
};
