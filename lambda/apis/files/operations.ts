import * as z from 'zod';
import { filePurposes } from '../../retrieval/stores/records.ts';
import { type ApiDescription, follow, ok, parameter, refused } from '../operation.ts';
import { count, text, unixSeconds } from '../response-schemas.ts';
import { fileQuerySchema } from './operations-query.ts';

const fileId = parameter('path', 'id', { type: 'string' }, 'The id of a file, `file-…`.');

export const fileObjectSchema = z.strictObject({
  id: text,
  object: z.literal('file'),
  bytes: count,
  created_at: unixSeconds,
  filename: text,
  purpose: z.enum([...filePurposes, 'batch_output']),
  status: z.literal('processed'),
  expires_at: unixSeconds.optional(),
});

/** OpenAPI description of the files. */
export const description: ApiDescription<
  'createFile' | 'listFiles' | 'retrieveFile' | 'retrieveFileContent' | 'deleteFile'
> = {
  operations: {
    createFile: {
      tags: ['documents'],
      summary: 'Upload a document, or the requests of a batch',
      description:
        'Markdown, text, HTML, PDF or DOCX; for the purpose `batch`, JSONL. At most 4 MB. It is kept for the deployment’s `retention.filesDays`, or shorter with `expires_after`.',
      requestBody: {
        required: true,
        content: {
          'multipart/form-data': {
            schema: {
              type: 'object',
              required: ['file', 'purpose'],
              properties: {
                file: { type: 'string', contentMediaType: 'application/octet-stream', minLength: 1 },
                purpose: { type: 'string', enum: filePurposes },
                'expires_after[anchor]': { type: 'string', const: 'created_at' },
                'expires_after[seconds]': { type: 'integer', minimum: 3_600, maximum: 2_592_000 },
              },
            },
          },
        },
      },
      responses: {
        ...ok(
          'File',
          '200',
          follow(['retrieveFile', 'retrieveFileContent', 'deleteFile'], { id: '$response.body#/id' }),
        ),
        ...refused('Error'),
      },
    },
    listFiles: {
      tags: ['documents'],
      summary: 'List the files of the key',
      query: fileQuerySchema,
      responses: { ...ok('FileList'), ...refused('Error') },
    },
    retrieveFile: {
      tags: ['documents'],
      summary: 'Get one file',
      parameters: [fileId],
      responses: { ...ok('File'), ...refused('Error') },
    },
    retrieveFileContent: {
      tags: ['documents'],
      summary: 'Download a file',
      parameters: [fileId],
      responses: {
        '200': {
          description: 'The bytes of the file.',
          content: {
            'application/octet-stream': { schema: { type: 'string', contentMediaType: 'application/octet-stream' } },
          },
        },
        ...refused('Error'),
      },
    },
    deleteFile: {
      tags: ['documents'],
      summary: 'Delete a file, and take it out of all vector stores',
      parameters: [fileId],
      responses: { ...ok('FileDeleted'), ...refused('Error') },
    },
  },
  responseSchemas: {
    File: fileObjectSchema,
    FileList: z.strictObject({
      object: z.literal('list'),
      data: z.array(fileObjectSchema),
      first_id: text.nullable(),
      last_id: text.nullable(),
      has_more: z.boolean(),
    }),
    FileDeleted: z.strictObject({ id: text, object: z.literal('file'), deleted: z.literal(true) }),
  },
};
