import { ExecutionError, StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions';
import type { MachineSettings } from '../../../lib/training/machine-settings.ts';
import { stateMachine } from '../../../lib/training/state-machine.ts';
import type { State } from '../../../lib/training/states/state.ts';
import { ServiceModel } from '../../aws-models/model.ts';
import { machineSettings } from './machine-settings.ts';

/** An error of a service or a job, as Step Functions names it. */
export function awsError(name: string, cause: string): Error {
  return Object.assign(new Error(cause), { name });
}

/** Parameters of a call, with the state's name. */
export interface Call {
  readonly state: string;
  readonly action: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Answers to a state's calls: one for each call, the last for all that follow. */
type Answers = Readonly<Record<string, readonly (unknown | Error)[]>>;

export interface Play {
  readonly outcome:
    | { readonly succeeded: true }
    | { readonly succeeded: false; readonly error: string; readonly cause: string };
  readonly calls: readonly Call[];
  readonly states: readonly string[];
  /** Calls whose parameters are not as the model of the service says. */
  readonly unmodelled: readonly string[];
}

/** Actions of services other than SageMaker. */
const services: Readonly<Record<string, string>> = {
  listObjectsV2: 'S3',
  getObject: 'S3',
  putObject: 'S3',
  startBuild: 'CodeBuild',
};

/** Runs a machine in an interpreter of the Amazon States Language, with an AWS that gives scripted answers. No state waits. */
export async function playRun(
  answers: Answers,
  {
    input = {},
    name = 'run-1',
    settings = machineSettings(),
  }: { readonly input?: object; readonly name?: string; readonly settings?: MachineSettings } = {},
): Promise<Play> {
  const definition = stateMachine(settings);
  const calls: Call[] = [];
  const counts = new Map<string, number>();
  const entries: [string, State][] = Object.entries(definition.States);
  const tasks = entries.flatMap(([state, value]) => (value.Type === 'Task' ? [[state, value] as const] : []));
  const answer = (state: string, action: string) => (parameters: unknown) => {
    calls.push({ state, action, parameters: parameters as Call['parameters'] });
    const count = counts.get(state) ?? 0;
    counts.set(state, count + 1);
    const scripted = answers[state] ?? [];
    const value = scripted[Math.min(count, scripted.length - 1)];
    if (scripted.length === 0) throw awsError('NoScript', `${state} has no scripted answer`);
    if (value instanceof Error) throw value;
    return value as never;
  };
  const machine = new StateMachine(definition as unknown as StateMachineDefinition);
  const execution = machine.run(input as never, {
    overrides: {
      taskResourceLocalHandlers: Object.fromEntries(
        tasks.map(([state, { Resource }]) => [state, answer(state, actionOf(Resource))]),
      ),
      waitTimeOverrides: Object.fromEntries(
        entries.filter(([, { Type }]) => Type === 'Wait').map(([state]) => [state, 0]),
      ),
      retryIntervalOverrides: Object.fromEntries(tasks.map(([state, { Retry = [] }]) => [state, Retry.map(() => 0)])),
    },
    context: {
      Execution: { Name: name, Id: `arn:aws:states:us-east-1:111122223333:execution:stage-training:${name}` },
      Task: { Token: 'token-1' },
      State: { EnteredTime: '2026-11-26T12:00:00Z' },
    } as never,
  });
  const states = statesOf(execution.eventLogs);
  const outcome = await execution.result.then(
    () => ({ succeeded: true }) as const,
    (error: unknown) => {
      if (!(error instanceof ExecutionError && error.cause instanceof Error)) throw error;
      const { name: code, message } = error.cause;
      return { succeeded: false, error: code, cause: message } as const;
    },
  );
  return { outcome, calls, states: await states, unmodelled: calls.flatMap(wrongRequest) };
}

async function statesOf(events: AsyncIterable<{ readonly type: string; readonly state?: { readonly name: string } }>) {
  const states: string[] = [];
  for await (const { type, state } of events)
    if (type === 'StateEntered' && state !== undefined) states.push(state.name);
  return states;
}

/** `arn:aws:states:::aws-sdk:s3:putObject.waitForTaskToken` is `putObject`. */
function actionOf(resource: string): string {
  return (resource.split(':').at(-1) ?? '').replace(/\.(sync|waitForTaskToken)$/, '');
}

function wrongRequest({ action, parameters }: Call): readonly string[] {
  if (action === 'publish') return [];
  const model = ServiceModel.of(services[action] ?? 'SageMaker');
  const operation = `${action.charAt(0).toUpperCase()}${action.slice(1)}`;
  // Step Functions writes the parameters of StartBuild in Pascal case, the model in camel case.
  return model.wrongInRequest(operation, action === 'startBuild' ? toCamelCase(parameters) : parameters);
}

function toCamelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toCamelCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [`${name.charAt(0).toLowerCase()}${name.slice(1)}`, toCamelCase(part)]),
  );
}
