import * as z from 'zod';
import { type ApiClientOptions, callApi } from './api-client.ts';

const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/**
 * The first model that the API lists.
 *
 * @throws {Error} if the API cannot be reached or lists no model
 */
export async function firstModel(api: ApiClientOptions): Promise<string> {
  const { data } = modelsSchema.parse(await callApi(api, 'GET', '/models'));
  const [first] = data;
  if (first === undefined) throw new Error(`${api.baseUrl}/models lists no model. Name one with --model.`);
  return first.id;
}
