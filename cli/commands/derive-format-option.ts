import { type DerivedFormat, deriveFormat } from '../../lambda/formats/derive-format.ts';
import { templateOfGguf, templateOfServer } from '../../local/published-template.ts';
import { UsageError } from '../usage-error.ts';

export interface FormatSource {
  readonly format?: string;
  readonly model?: string;
  readonly upstream?: string;
  readonly container?: string;
  readonly 'upstream-key'?: string;
}

/**
 * Replaces `--format auto` by the format that the model itself says, and prints it.
 *
 * @param print receives the line about what was found
 * @throws {UsageError} that says what to write if the model does not tell its format
 */
export async function withDerivedFormat<T extends FormatSource>(values: T, print: (line: string) => void): Promise<T> {
  const source = values.model ?? values.upstream ?? values.container;
  if (values.format !== 'auto' || source === undefined) return values;
  const derived = await derive(values, source);
  if (derived.format === undefined) {
    throw new UsageError(`--format auto finds no format for ${source}. ${derived.because}`);
  }
  print(`Format of ${source}: ${derived.format}, since ${derived.because}.`);
  return { ...values, format: derived.format };
}

async function derive(values: FormatSource, source: string): Promise<DerivedFormat> {
  if (values.model !== undefined) {
    const template = await templateOfGguf(values.model).catch((cause: unknown) => {
      throw new UsageError(
        `--model ${source} cannot be read as a GGUF file: ${cause instanceof Error ? cause.message : String(cause)}. Give a .gguf file.`,
      );
    });
    return deriveFormat(template);
  }
  const key = values['upstream-key'] ?? process.env['UPSTREAM_API_KEY'];
  const template = await templateOfServer(source, values.upstream === undefined ? undefined : key);
  if (template.chatTemplate !== undefined) return deriveFormat(template);
  const { because } = deriveFormat(template);
  return {
    because: `The server has neither /props (llama.cpp) nor /tokenizer_info (vLLM with --enable-tokenizer-info-endpoint), where it would tell its template. ${because.slice(because.indexOf('Write'))}`,
  };
}
