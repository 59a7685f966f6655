import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const memberSchema = z.object({
  shape: z.string(),
  location: z.string().optional(),
  locationName: z.string().optional(),
});

const shapeSchema = z.object({
  type: z.string(),
  required: z.array(z.string()).default([]),
  members: z.record(z.string(), memberSchema).default({}),
  member: memberSchema.optional(),
  key: memberSchema.optional(),
  value: memberSchema.optional(),
  enum: z.array(z.string()).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  pattern: z.string().optional(),
  union: z.boolean().default(false),
  document: z.boolean().default(false),
  eventstream: z.boolean().default(false),
  payload: z.string().optional(),
  streaming: z.boolean().default(false),
  error: z.object({ code: z.string().optional() }).optional(),
});

const modelSchema = z.object({
  botocore: z.string(),
  serviceId: z.string(),
  protocol: z.string(),
  operations: z.record(
    z.string(),
    z.object({ input: z.string().nullable(), output: z.string().nullable(), errors: z.array(z.string()) }),
  ),
  shapes: z.record(z.string(), shapeSchema),
});

type Member = z.output<typeof memberSchema>;
type Shape = z.output<typeof shapeSchema>;

const folder = join(import.meta.dirname, 'models');
/** Files of the models by the service id of the SDK's clients. */
const files: Readonly<Record<string, string>> = {
  Lambda: 'lambda',
  'API Gateway': 'apigateway',
  'Application Auto Scaling': 'application-autoscaling',
  'Bedrock Runtime': 'bedrock-runtime',
  CloudFormation: 'cloudformation',
  CodeBuild: 'codebuild',
  DynamoDB: 'dynamodb',
  EC2: 'ec2',
  ECR: 'ecr',
  'CloudWatch Logs': 'logs',
  S3: 's3',
  S3Vectors: 's3vectors',
  SageMaker: 'sagemaker',
  'SageMaker Runtime': 'sagemaker-runtime',
  'Secrets Manager': 'secretsmanager',
  'Service Quotas': 'service-quotas',
  SFN: 'stepfunctions',
  STS: 'sts',
};

/** Errors that any operation may answer with, which no operation lists. https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html */
const commonErrors = new Set([
  ...['AccessDeniedException', 'AccessDenied', 'ExpiredTokenException', 'ExpiredToken', 'IncompleteSignature'],
  ...['InternalFailure', 'InternalServerError', 'InternalServerException', 'InvalidClientTokenId', 'NotAuthorized'],
  ...['OptInRequired', 'RequestExpired', 'ServiceUnavailable', 'ServiceUnavailableException', 'ThrottlingException'],
  ...['Throttling', 'RequestLimitExceeded', 'UnrecognizedClientException', 'ValidationException', 'ValidationError'],
  ...['MalformedHttpRequestException', 'RequestTimeoutException', 'UnknownOperationException'],
]);

/** What AWS's model of a service says of its requests and answers. */
export class ServiceModel {
  readonly protocol: string;
  readonly #model: z.output<typeof modelSchema>;
  readonly #service: string;

  /**
   * @param service service id of the SDK's client, such as "SageMaker Runtime"
   * @throws {Error} if the service has no model here
   */
  static of(service: string): ServiceModel {
    const known = ServiceModel.#known.get(service);
    if (known !== undefined) return known;
    const file = join(folder, `${files[service] ?? service}.json`);
    if (!existsSync(file)) throw new Error(`${service} has no model: add it to test/aws-models/operations.json.`);
    const model = new ServiceModel(service, modelSchema.parse(JSON.parse(readFileSync(file, 'utf8'))));
    ServiceModel.#known.set(service, model);
    return model;
  }
  static readonly #known = new Map<string, ServiceModel>();

  private constructor(service: string, model: z.output<typeof modelSchema>) {
    this.#service = service;
    this.#model = model;
    this.protocol = model.protocol;
  }

  /** What of a request is not as the model says. Empty if nothing is. */
  wrongInRequest(operation: string, input: unknown): readonly string[] {
    const { input: name } = this.#operation(operation);
    if (name === null) return [];
    return this.#wrong({ shape: name }, input, { path: `${this.#service} ${operation} request`, wire: false });
  }

  /** What of an answer is not as the model says. @param wire whether it is the JSON of the answer, or what the SDK made of it */
  wrongInAnswer(operation: string, output: unknown, wire: boolean): readonly string[] {
    const { output: name } = this.#operation(operation);
    const path = `${this.#service} ${operation} answer`;
    if (name !== null) return this.#wrong({ shape: name }, output, { path, wire });
    const extra = typeof output === 'object' && output !== null ? Object.keys(output) : [];
    return extra.map((key) => `${path}.${key} is no member: the operation answers with nothing`);
  }

  /** Whether the body of an answer has the output's members. Otherwise it is one of them: bytes or events. */
  bodyHasMembers(operation: string): boolean {
    const { output } = this.#operation(operation);
    if (output === null) return true;
    const shape = this.#shape(output);
    return (
      shape.payload === undefined && !Object.values(shape.members).some(({ shape: of }) => this.#shape(of).eventstream)
    );
  }

  /** Why an operation does not answer with an error of this code. `undefined` if it does. */
  wrongError(operation: string, code: string): string | undefined {
    const own = this.#operation(operation).errors.flatMap((name) => [name, this.#shape(name).error?.code]);
    if (commonErrors.has(code) || own.includes(code)) return undefined;
    return `${this.#service} ${operation} answers with no ${code}: it has ${own.filter(Boolean).join(', ')}`;
  }

  #operation(name: string) {
    const operation = this.#model.operations[name];
    if (operation === undefined) {
      throw new Error(`${this.#service} ${name} has no model: add it to test/aws-models/operations.json.`);
    }
    return operation;
  }

  #shape(name: string): Shape {
    const shape = this.#model.shapes[name];
    if (shape === undefined) throw new Error(`${this.#service} has no shape ${name}.`);
    return shape;
  }

  #wrong(reference: Member, value: unknown, at: At): readonly string[] {
    const shape = this.#shape(reference.shape);
    if (shape.document) return [];
    if (shape.type === 'structure') return this.#wrongStructure(shape, value, at);
    if (shape.type === 'list') {
      if (!Array.isArray(value)) return [`${at.path} is no list`];
      return [
        ...wrongSize(shape, value.length, 'items', at.path),
        ...value.flatMap((item, index) => this.#wrong(shape.member as Member, item, below(at, `[${index}]`))),
      ];
    }
    if (shape.type === 'map') {
      if (!isObject(value)) return [`${at.path} is no map`];
      return [
        ...wrongSize(shape, Object.keys(value).length, 'entries', at.path),
        ...Object.entries(value).flatMap(([key, item]) => [
          ...this.#wrong(shape.key as Member, key, below(at, `{key ${key}}`)),
          ...this.#wrong(shape.value as Member, item, below(at, `.${key}`)),
        ]),
      ];
    }
    return wrongScalar(shape, value, at);
  }

  #wrongStructure(shape: Shape, value: unknown, at: At): readonly string[] {
    if (!isObject(value)) return [`${at.path} is no structure`];
    if (shape.eventstream) return [];
    const named = new Map(
      Object.entries(shape.members)
        .filter(([, member]) => !at.wire || member.location === undefined)
        .map(([name, member]) => [at.wire ? (member.locationName ?? name) : name, { name, member }]),
    );
    const given = Object.entries(value).filter(
      ([key, item]) => item !== undefined && !(at.wire && item === null) && key !== '$metadata',
    );
    const missing = shape.required.filter((name) => {
      const member = shape.members[name];
      if (at.wire && member?.location !== undefined) return false;
      return !given.some(([key]) => key === (at.wire ? (member?.locationName ?? name) : name));
    });
    return [
      ...missing.map((name) => `${at.path}.${name} is required`),
      ...(shape.union && given.length !== 1 ? [`${at.path} has ${given.length} members of a union`] : []),
      ...given.flatMap(([key, item]) => {
        const found = named.get(key);
        return found === undefined
          ? [`${at.path}.${key} is no member`]
          : this.#wrong(found.member, item, below(at, `.${found.name}`));
      }),
    ];
  }
}

/** Where a value stands, and whether it is JSON as it is sent or values of the SDK. */
interface At {
  readonly path: string;
  readonly wire: boolean;
}

function below(at: At, part: string): At {
  return { ...at, path: at.path + part };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongSize({ min, max }: Shape, size: number, unit: string, path: string): readonly string[] {
  if (min !== undefined && size < min) return [`${path} has ${size} ${unit}, fewer than ${min}`];
  return max !== undefined && size > max ? [`${path} has ${size} ${unit}, more than ${max}`] : [];
}

function wrongScalar(shape: Shape, value: unknown, { path, wire }: At): readonly string[] {
  switch (shape.type) {
    case 'string':
    case 'character': {
      if (typeof value !== 'string') return [`${path} is no string`];
      if (shape.enum !== undefined && !shape.enum.includes(value))
        return [`${path} is ${value}, none of ${shape.enum.join(', ')}`];
      const { pattern } = shape;
      return [
        ...wrongSize(shape, value.length, 'characters', path),
        ...(pattern !== undefined && !toPattern(pattern).test(value)
          ? [`${path} is ${value}, which is not ${pattern}`]
          : []),
      ];
    }
    case 'integer':
    case 'long': {
      if (!Number.isInteger(value) && typeof value !== 'bigint') return [`${path} is no whole number`];
      return wrongSize({ ...shape }, Number(value), '', path);
    }
    case 'float':
    case 'double':
      return typeof value === 'number' ? wrongSize(shape, value, '', path) : [`${path} is no number`];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${path} is neither true nor false`];
    case 'timestamp':
      if (wire) return typeof value === 'number' || typeof value === 'string' ? [] : [`${path} is no time`];
      return value instanceof Date && !Number.isNaN(value.getTime()) ? [] : [`${path} is no Date`];
    case 'blob':
      return [];
    default:
      throw new Error(`${path} has the type ${shape.type}, which this check does not know.`);
  }
}

const patterns = new Map<string, RegExp>();

/** A pattern of a model, which describes the whole value. A few models have patterns that are no regular expression, such as `…*${1,128}`: they allow all. */
function toPattern(source: string): RegExp {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  const pattern = compile(source, 'su') ?? compile(source, 's') ?? /(?:)/;
  patterns.set(source, pattern);
  return pattern;
}

function compile(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${source})$`, flags);
  } catch {
    return undefined;
  }
}
