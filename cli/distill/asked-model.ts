import type { Against } from '../../evaluate/against/ask-against.ts';
import { type DialectName, detectDialect, dialectNames } from '../../evaluate/against/dialects.ts';
import { type TokenPrice, tokenPrice } from '../../evaluate/prices.ts';
import { parseChoice, parseJsonObject, parsePrice } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import type { DistillValues } from './distill-options.ts';

/** A model that is asked: the teacher or the student. */
export interface AskedModel {
  readonly role: 'teacher' | 'student';
  readonly api: Against;
  /** Dollars per million tokens. `undefined` if nobody said it. */
  readonly price: TokenPrice | undefined;
}

/** @throws {UsageError} if the options do not name a teacher */
export function teacherOf(values: DistillValues): AskedModel {
  const { 'base-url': url, model } = values;
  if (url === undefined || model === undefined)
    throw new UsageError('Name the teacher: --base-url URL --model ID. It is any API that sends thoughts, or a route.');
  return {
    role: 'teacher',
    api: apiOf('base-url', url, model, {
      dialect: values.dialect,
      keyName: values['key-env'],
      body: values.body,
      words: { api: '--base-url', key: '--key-env', dialect: '--dialect' },
    }),
    price: priceOf('price', values.price),
  };
}

/** The small model that has to fail. `undefined` if the options name none. */
export function studentOf(values: DistillValues): AskedModel | undefined {
  const { 'student-base-url': own, 'student-model': model } = values;
  if (model === undefined) {
    if (own !== undefined) throw new UsageError('--student-base-url needs its model: --student-model ID.');
    return undefined;
  }
  const url = own ?? values['base-url'] ?? '';
  return {
    role: 'student',
    api: apiOf('student-base-url', url, model, {
      dialect: values['student-dialect'],
      keyName: own === undefined ? values['key-env'] : values['student-key-env'],
      body: values['student-body'],
      words: { api: '--student-base-url', key: '--student-key-env', dialect: '--student-dialect' },
    }),
    price: priceOf('student-price', values['student-price']),
  };
}

interface ApiValues {
  readonly dialect: string | undefined;
  readonly keyName: string;
  readonly body: string | undefined;
  readonly words: NonNullable<Against['words']>;
}

function apiOf(option: string, address: string, model: string, { dialect, keyName, body, words }: ApiValues): Against {
  if (!/^https?:\/\//.test(address) || !URL.canParse(address))
    throw new UsageError(
      `--${option} is ${JSON.stringify(address)}. Give an http:// or https:// URL that ends in /v1.`,
    );
  const detected = detectDialect(address, model);
  const key = process.env[keyName];
  return {
    url: detected.url,
    model,
    dialect: dialectOf(words.dialect, dialect) ?? detected.dialect,
    apiKey: key === '' ? undefined : key,
    extra: body === undefined ? {} : { ...parseJsonObject(option === 'base-url' ? 'body' : 'student-body', body) },
    words,
  };
}

function dialectOf(option: string, name: string | undefined): DialectName | undefined {
  return name === undefined ? undefined : parseChoice(option.replace(/^--/, ''), name, dialectNames);
}

function priceOf(option: string, text: string | undefined): TokenPrice | undefined {
  return text === undefined ? undefined : tokenPrice(parsePrice(option, text));
}
