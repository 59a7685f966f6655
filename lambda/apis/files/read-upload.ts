import { ApiError, invalidRequest } from '../../errors/api-error.ts';
import type { NewFile } from '../../retrieval/stores/file-store.ts';
import { filePurposes } from '../../retrieval/stores/records.ts';

/** Longest name of a file, in characters. */
const MAX_NAME = 255;
const MIN_EXPIRY = 3_600;
const MAX_EXPIRY = 2_592_000;

/**
 * Reads a file from `multipart/form-data`, as OpenAI's clients send it.
 *
 * @throws {ApiError} 400 that names the field; 415 for another content type
 */
export async function readUpload(request: Request): Promise<NewFile> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^multipart\/form-data\b/i.test(type)) {
    throw new ApiError(
      415,
      `The content type is ${JSON.stringify(type.slice(0, 64))}. Send multipart/form-data with file and purpose.`,
      {
        code: 'unsupported_media_type',
      },
    );
  }
  const form = await request.formData().catch(() => {
    throw new ApiError(400, 'The body is no whole multipart/form-data. Send file and purpose as its parts.', {
      code: 'invalid_multipart',
    });
  });
  const file = form.get('file');
  if (!(file instanceof File))
    throw invalidRequest('file', 'file is missing, or is a text. Send a file with its name.');
  const filename = file.name.replaceAll(/^.*[/\\]/g, '').trim();
  if (filename === '' || filename.length > MAX_NAME || hasControls(filename)) {
    throw invalidRequest('file', `The name of file must have 1 to ${MAX_NAME} characters, without control characters.`);
  }
  const content = new Uint8Array(await file.arrayBuffer());
  if (content.length === 0) throw invalidRequest('file', 'file is empty. Send a file with content.');
  return { filename, content, purpose: purposeOf(form.get('purpose')), expiresSeconds: expiryOf(form) };
}

function purposeOf(purpose: unknown): NewFile['purpose'] {
  const known = filePurposes.find((name) => name === purpose);
  if (known !== undefined) return known;
  const what = purpose === null ? 'purpose is missing' : `purpose is ${JSON.stringify(String(purpose).slice(0, 64))}`;
  throw invalidRequest('purpose', `${what}. Send ${filePurposes.map((name) => `"${name}"`).join(' or ')}.`);
}

function expiryOf(form: FormData): number | undefined {
  const [anchor, text] = [form.get('expires_after[anchor]'), form.get('expires_after[seconds]')];
  if (anchor === null && text === null) return undefined;
  if (anchor !== 'created_at')
    throw invalidRequest('expires_after.anchor', 'expires_after.anchor must be "created_at".');
  const seconds = Number(text);
  if (text !== null && Number.isInteger(seconds) && seconds >= MIN_EXPIRY && seconds <= MAX_EXPIRY) return seconds;
  throw invalidRequest(
    'expires_after.seconds',
    `expires_after.seconds must be a whole number from ${MIN_EXPIRY} to ${MAX_EXPIRY}.`,
  );
}

function hasControls(text: string): boolean {
  return [...text].some((character) => character < ' ' || character === '\u007f');
}
