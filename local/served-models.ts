import * as z from 'zod';

const modelsSchema = z.object({
  data: z.array(z.object({ id: z.string(), max_model_len: z.int().nullish() })).min(1),
});

/**
 * Asks a server of OpenAI's API for its models.
 *
 * @param what how errors call the server
 * @param id model to find. If omitted, the first one
 * @returns the id of the model, and its window in tokens if the server reports it
 * @throws {Error} that says what to check if the server cannot be reached or has no such model
 */
export async function findServedModel(
  what: 'upstream' | 'fallback',
  baseUrl: string,
  id: string | undefined,
  key: string | undefined,
): Promise<{ readonly id: string; readonly contextTokens: number | undefined }> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answer = await fetch(`${baseUrl}/models`, { headers }).catch((cause: unknown) => {
    throw new Error(`The ${what} ${baseUrl} cannot be reached. Is it running, and does the URL end in /v1?`, {
      cause,
    });
  });
  if (!answer.ok)
    throw new Error(
      `GET ${baseUrl}/models returned status ${answer.status}. Check the URL (it usually ends in /v1) and the key.`,
    );
  const { data } = modelsSchema.parse(await answer.json());
  const served = data.find((model) => id === undefined || model.id === id);
  if (served === undefined) {
    throw new Error(`The ${what} has no model ${id}. Choose one of: ${data.map((model) => model.id).join(', ')}.`);
  }
  return { id: served.id, contextTokens: served.max_model_len ?? undefined };
}
