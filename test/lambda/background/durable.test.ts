import { withDurableExecution } from '@aws/durable-execution-sdk-js';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { durableHandler } from '../../../lambda/background/durable-handler.ts';
import type { BackgroundRunner, StepOutcome } from '../../../lambda/background/runner.ts';

beforeAll(async () => await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true }));
afterAll(async () => await LocalDurableTestRunner.teardownTestEnvironment());

const pointer = { key: 'key_1', id: 'resp_1' };

/** Runs an execution whose segments come to these results, one after the other. */
async function execute(results: readonly (StepOutcome | Error)[]) {
  const left = [...results];
  const seen: unknown[] = [];
  const step: BackgroundRunner['step'] = async (given) => {
    seen.push(given);
    const result = left.shift();
    if (result === undefined) throw new Error('No further segment was expected.');
    if (result instanceof Error) throw result;
    return result;
  };
  const handlerFunction = withDurableExecution(
    async (event: unknown, context) => await durableHandler(event, context, { step }),
  );
  const runner = new LocalDurableTestRunner({ handlerFunction });
  const execution = await runner.run({ payload: pointer });
  return { execution, seen, operations: execution.getOperations() };
}

describe('The durable execution of a response', { timeout: 60_000 }, () => {
  it('runs a step for each segment with a pause between, and keeps counts alone', async () => {
    const { execution, seen, operations } = await execute([
      { kind: 'continues', tokens: 9_000 },
      { kind: 'continues', tokens: 18_000 },
      { kind: 'ended', status: 'completed' },
    ]);
    expect(execution.getStatus()).toBe('SUCCEEDED');
    expect(execution.getResult()).toEqual({ kind: 'ended', status: 'completed' });
    expect(seen).toEqual([pointer, pointer, pointer]);
    expect(operations.map((operation) => operation.getName())).toEqual([
      'segment-0',
      'pause-0',
      'segment-1',
      'pause-1',
      'segment-2',
    ]);
    expect(operations[0]?.getStepDetails()?.result).toEqual({ kind: 'continues', tokens: 9_000 });
  });

  it('waits without an invocation while there is no place', async () => {
    const { execution, operations } = await execute([
      { kind: 'waits', seconds: 300, code: 'model_no_capacity' },
      { kind: 'ended', status: 'completed' },
    ]);
    expect(operations[1]?.getName()).toBe('wait-0');
    expect(operations[1]?.getWaitDetails()?.waitSeconds).toBe(300);
    expect(execution.getInvocations()).toHaveLength(2);
  });

  it('runs a segment again whose function was killed, or whose results could not be kept', async () => {
    const { execution, seen } = await execute([
      new Error('The table is unavailable.'),
      new Error('The table is unavailable.'),
      { kind: 'ended', status: 'completed' },
    ]);
    expect(execution.getStatus()).toBe('SUCCEEDED');
    expect(seen).toHaveLength(3);
  });

  it('fails after 20 attempts of a segment, so that its event reaches the dead-letter queue', async () => {
    const { execution, seen } = await execute(Array.from({ length: 30 }, () => new Error('No table.')));
    expect(execution.getStatus()).toBe('FAILED');
    expect(seen).toHaveLength(20);
  });

  it('ends if another execution took the response over', async () => {
    const { execution } = await execute([{ kind: 'superseded' }]);
    expect(execution.getResult()).toEqual({ kind: 'superseded' });
  });
});
