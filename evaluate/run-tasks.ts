/**
 * Runs tasks in order, at most `concurrency` at once. After a failure no task starts.
 *
 * @throws the first failure, or the reason of `signal`, when the running tasks have ended
 */
export async function runTasks<T>(
  tasks: readonly T[],
  concurrency: number,
  run: (task: T) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  let failure: unknown;
  const worker = async () => {
    while (failure === undefined && !signal.aborted) {
      const task = tasks[next++];
      if (task === undefined) return;
      try {
        await run(task);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (failure !== undefined) throw failure;
  signal.throwIfAborted();
}
