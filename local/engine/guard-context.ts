import type { LlamaContext } from 'node-llama-cpp';

type Mapper = (...inputs: readonly unknown[]) => unknown;

/**
 * Makes failures of a context reject the evaluation that they belong to. node-llama-cpp samples, and calls the sampler's callbacks, in
 * a batch that no one awaits: an exception there (from the grammar, a token bias, the list of penalized tokens) would be an unhandled
 * rejection, which ends the process, and the evaluation would never settle. The version of node-llama-cpp is pinned, and tests throw
 * from each callback.
 */
export function guardContext(context: LlamaContext | object): void {
  const decode = methodOf(context, '_decodeTokens');
  const dispatch = methodOf(context, 'dispatchPendingBatch');
  const pending = new Set<(reason: unknown) => void>();

  Reflect.set(context, '_decodeTokens', (request: object, mapper: Mapper) => {
    const failures: unknown[] = [];
    const guarded = guard(mapper, failures);
    const afterBatch: unknown = Reflect.get(request, 'afterBatchAction');
    const guardedRequest = isFunction(afterBatch)
      ? { ...request, afterBatchAction: guard(afterBatch, failures) }
      : request;
    return new Promise((resolve, reject) => {
      pending.add(reject);
      const settle = (settled: () => void) => {
        pending.delete(reject);
        if (failures.length > 0) reject(failures[0]);
        else settled();
      };
      Promise.resolve(decode(guardedRequest, guarded)).then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  });

  Reflect.set(context, 'dispatchPendingBatch', async () => {
    try {
      await dispatch();
    } catch (error) {
      // The batch itself failed: no evaluation that waits for it would ever settle.
      for (const reject of pending) reject(error);
      pending.clear();
    }
  });
}

/** The function without exceptions: it returns `null` in their place, and adds them to `failures`. */
function guard(inner: Mapper, failures: unknown[]): Mapper {
  const fail = (error: unknown) => {
    failures.push(error);
    return null;
  };
  return (...inputs) => {
    try {
      const result = inner(...inputs);
      return result instanceof Promise ? result.catch(fail) : result;
    } catch (error) {
      return fail(error);
    }
  };
}

function methodOf(context: object, name: string): Mapper {
  const method: unknown = Reflect.get(context, name);
  if (!isFunction(method)) throw new Error(`This version of node-llama-cpp has no ${name}.`);
  return method.bind(context);
}

function isFunction(value: unknown): value is Mapper {
  return typeof value === 'function';
}
