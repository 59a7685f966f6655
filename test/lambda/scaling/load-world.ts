import type { CopiesSeen, CopyBounds, CopyControl, CopySchedule } from '../../../lambda/scaling/copy-control.ts';
import { ModelAutoscaler } from '../../../lambda/scaling/model-autoscaler.ts';
import type { ModelScalingOptions } from '../../../lambda/scaling/model-scaling.ts';
import type { ScalingMetricsLine } from '../../../lambda/scaling/scaling-metrics.ts';
import type { ModelScalingSettings } from '../../../lambda/settings/policy-settings.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';

/** Copies under control of a test. A change of the desired count has no effect on the running copies. */
class ScriptedCopies implements CopyControl {
  seen: CopiesSeen;
  readonly asked: number[] = [];
  failsWith: Error | undefined;
  range: CopyBounds = { min: 0, max: 3, suspended: false };
  readonly planned = new Map<string, CopySchedule>();

  constructor(copies: number) {
    this.seen = { current: copies, desired: copies };
  }

  async describe() {
    return this.seen;
  }

  async setCopies(copies: number) {
    this.asked.push(copies);
    if (this.failsWith !== undefined) throw this.failsWith;
    this.seen = { ...this.seen, desired: copies };
  }

  async bounds() {
    return this.range;
  }

  async setBounds(bounds: CopyBounds) {
    this.range = bounds;
  }

  async schedules() {
    return [...this.planned.values()];
  }

  async putSchedule(schedule: CopySchedule) {
    this.planned.set(schedule.name, schedule);
  }

  async deleteSchedule(name: string) {
    return this.planned.delete(name);
  }
}

/** A copy whose usable cache holds four requests of 1,000 tokens while they run. */
export const smallCopies: ModelScalingSettings = {
  minCopies: 0,
  maxCopies: 3,
  copiesPerInstance: 1,
  cacheTokens: 3_020,
  maxRequests: 4,
  stepSeconds: 0.02,
  fullRequests: 4,
  fullStepSeconds: 0.02,
  startSeconds: 20,
  elastic: 'asked',
};

/** Load control of one model, with a clock that the test advances. */
export function loadWorld(copies: number, changes: Partial<ModelScalingOptions> = {}) {
  const clock = { now: 1_000 };
  const control = new ScriptedCopies(copies);
  const lines: ScalingMetricsLine[] = [];
  const log: Record<string, unknown>[] = [];
  const autoscaler = new ModelAutoscaler({
    owner: { endpointName: 'local', modelId: 'scripted' },
    settings: smallCopies,
    table: new MemoryTable(),
    copies: control,
    now: () => clock.now,
    emit: (line) => lines.push(line),
    log: (level, message, fields) => log.push({ level, message, ...fields }),
    capacityWaitMs: 600_000,
    ...changes,
  });
  return { clock, control, lines, log, autoscaler };
}

export const request = (requestId: string, changes = {}) => ({
  requestId,
  key: 'key_a',
  promptTokens: 100,
  minTokens: 0,
  maxTokens: 800,
  answerTokens: 100,
  samples: 1,
  elastic: true,
  floorTokens: 50,
  ...changes,
});
