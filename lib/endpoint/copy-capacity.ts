import type { PolicyChoices } from '../../lambda/settings/policy-settings.ts';
import type { DeployedScaling } from '../../lambda/settings/settings.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';
import { type Architecture, toArchitecture } from '../serving/architecture.ts';
import { gpuMemory } from '../serving/gpu-memory.ts';
import type { ModelProps } from './hosted-model.ts';
import type { Copies } from './placement.ts';

/** Scaling by what admitted requests may still use, with budgets that shrink until copies are there. */
export interface ThinkingScaling {
  /**
   * Whose thinking may shrink under load: who asks for it, everybody who does not refuse, or nobody.
   *
   * @default 'asked'
   */
  readonly elastic?: 'asked' | 'always' | 'never' | undefined;
  /**
   * How long a copy takes to start, until it was measured. Seconds.
   *
   * @default 600
   */
  readonly startSeconds?: number | undefined;
  /**
   * The settings of the policies.
   *
   * @default - those of lambda/policy
   */
  readonly policy?: PolicyChoices | undefined;
}

/** Share of the GPUs' memory bandwidth that decoding reaches, until a copy is measured: the assumption of `budgetforce plan`. */
export const DECODE_EFFICIENCY = 0.6;

/** vLLM's own `--max-num-seqs` on its smaller GPUs, where none is written; more on larger ones. The cache is full before. */
const DEFAULT_SEQUENCES = 256;

/** Context of a request that the first guess of a copy's speed is for. Tokens. */
const USUAL_CONTEXT = 3_000;

/** What the function has to know of a model's copies. `undefined` where it is not to look at the load. */
export function copyLoadOf(
  props: ModelProps,
  instanceType: string,
  componentName: string,
  { min, max }: Copies,
): DeployedScaling | undefined {
  const { thinking } = props.scaling ?? {};
  const shape = shapeOf(props);
  if (thinking === undefined || shape === undefined) return undefined;
  const vllm = props.vllm ?? {};
  const tensorParallel = vllm.tensorParallel ?? 1;
  const type = findInstanceType(instanceType);
  const memory = gpuMemory(shape, { ...vllm, weightBits: props.weightBits }, instanceType);
  if (type === undefined || memory === undefined || memory.cacheTokens <= 0) return undefined;
  const bandwidth = type.gpuBandwidthGbs * 1e9 * DECODE_EFFICIENCY;
  const maxRequests = vllm.maxSequences ?? DEFAULT_SEQUENCES;
  const fullRequests = Math.min(maxRequests, memory.cacheTokens / USUAL_CONTEXT);
  const stepSeconds = memory.weights / bandwidth;
  return {
    componentName,
    modelId: props.id,
    minCopies: min,
    maxCopies: max,
    copiesPerInstance: Math.max(1, Math.floor(type.gpus / tensorParallel)),
    cacheTokens: memory.cacheTokens,
    maxRequests,
    stepSeconds: round(stepSeconds),
    fullRequests: Math.round(fullRequests),
    fullStepSeconds: round(stepSeconds + (fullRequests * USUAL_CONTEXT * memory.cachePerToken) / bandwidth),
    startSeconds: thinking.startSeconds ?? 600,
    elastic: thinking.elastic ?? 'asked',
    ...(thinking.policy === undefined ? {} : { policy: thinking.policy }),
  };
}

/** Refuses scaling by load where nobody knows what a copy holds. */
export function loadWithoutShape(props: ModelProps): Refusal | undefined {
  if (props.scaling?.thinking === undefined || shapeOf(props) !== undefined) return undefined;
  return {
    code: 'load-without-architecture',
    sentence: `scaling.thinking of ${props.id} needs to know how many tokens a copy holds, but no architecture is written: write architecture, a well-known name or the fields of the model's config.json.`,
    source: 'https://docs.vllm.ai/en/latest/configuration/conserving_memory.html',
  };
}

function shapeOf({ architecture }: ModelProps): Architecture | undefined {
  return architecture === undefined ? undefined : toArchitecture(architecture);
}

/** Microseconds are enough, and the function's variables are short. */
function round(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
