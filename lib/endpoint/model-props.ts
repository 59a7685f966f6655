import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { CfnEndpoint } from 'aws-cdk-lib/aws-sagemaker';
import type { PolicyChoices } from '../../lambda/settings/policy-settings.ts';
import type { ContainerImage } from '../facts/images.ts';
import type { Copies, Placement } from '../facts/placement.ts';
import type { Architecture, ArchitectureName } from '../serving/architecture.ts';
import type { WeightBits } from '../serving/gpu-memory.ts';
import type { ModelSource } from '../serving/model-source.ts';
import type { VllmSettings } from '../serving/vllm-settings.ts';
import type { AdapterProps } from './adapter.ts';
import type { ScheduledCopies } from './copy-scaling.ts';
import type { GoodAnswers } from './good-answers.ts';
import type { Network } from './network.ts';

/** A model on an endpoint: its weights, its server and its copies. */
export interface ModelProps {
  /** Name that a client writes in `model`, and that vLLM serves. */
  readonly id: string;
  readonly source: ModelSource;
  /** Window that the model was trained for (prompt, thinking and answer), in tokens. */
  readonly contextTokens: number;
  /**
   * Shape of the model: a name of `architectures`, or the fields of its config.json.
   *
   * @default - unknown: whether weights and KV cache fit the GPUs is not checked
   */
  readonly architecture?: ArchitectureName | Architecture | undefined;
  /**
   * Bits of one stored weight.
   *
   * @default - follows from `vllm.quantization`; 16 if that is not set
   */
  readonly weightBits?: WeightBits | undefined;
  /**
   * Image of the model server.
   *
   * @default - AWS's image with vLLM 0.27 and CUDA 13, `server-sagemaker-cuda-v2.3`
   */
  readonly image?: ContainerImage | undefined;
  /**
   * Settings of vLLM.
   *
   * @default - one GPU, the whole window, vLLM's own defaults
   */
  readonly vllm?: VllmSettings | undefined;
  /**
   * Number of copies.
   *
   * @default - always one
   */
  readonly copies?: Copies | undefined;
  /**
   * Target of scaling: requests in flight per copy.
   *
   * @default 8
   */
  readonly requestsPerCopy?: number | undefined;
  /**
   * Further scaling: a second, leading target, scaling by load, schedules and cooldowns.
   *
   * @default - by requests in flight only, with cooldowns of 300 seconds
   */
  readonly scaling?: ModelScalingProps | undefined;
  /**
   * LoRA adapters that the model's copies also serve, each as a model of its own name.
   *
   * @default - none
   */
  readonly adapters?: readonly AdapterProps[] | undefined;
  /**
   * Host memory that one copy reserves, in MiB. A low value does no harm while the host has memory left. With a high value,
   * copies that would fit the GPUs find no place.
   *
   * @default - half of its GPUs' share of the instance's memory; the other half is left to the file cache for the weights
   */
  readonly memoryMib?: number | undefined;
  /**
   * Timeout for the download of the weights from S3 to the instance, in seconds. 60 to 3,600.
   *
   * @default - fits the weights' size on a slow day, see `fittingTimeouts`; 1,800 without an architecture
   */
  readonly downloadSeconds?: number | undefined;
  /**
   * Timeout until the server is healthy, including a download from the hub, in seconds. 60 to 3,600.
   *
   * @default - fits the weights' size on a slow day, see `fittingTimeouts`; 1,800 without an architecture
   */
  readonly startupSeconds?: number | undefined;
  /**
   * Whether an instance caches weights and image for its next copy.
   *
   * @default true
   */
  readonly dataCache?: boolean | undefined;
  /**
   * Further environment variables of the container, without secrets: DescribeModel shows them. A variable that the function
   * or the memory check relies on is refused.
   *
   * @default - none
   */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** Scaling of a model's copies beyond `requestsPerCopy`. */
export interface ModelScalingProps {
  /**
   * Thinking tokens that the requests of one copy may still use: a second target, which only adds copies.
   *
   * @default - no second target
   */
  readonly committedTokensPerCopy?: number | undefined;
  /**
   * Ranges of copies that change at scheduled times.
   *
   * @default - none
   */
  readonly schedule?: readonly ScheduledCopies[] | undefined;
  /**
   * Scaling by load: the function records the load of every request, which gives elastic budgets, admission, and copies by
   * the policies of lambda/policy instead of by requests in flight.
   *
   * @default - off
   */
  readonly thinking?: ThinkingScaling | undefined;
  /**
   * Cooldown after copies were added, in seconds.
   *
   * @default 300
   */
  readonly scaleOutCooldownSeconds?: number | undefined;
  /**
   * Cooldown after copies were removed, in seconds.
   *
   * @default 300
   */
  readonly scaleInCooldownSeconds?: number | undefined;
}

/** Scaling by the tokens that admitted requests may still use, with budgets that shrink until new copies have started. */
export interface ThinkingScaling {
  /**
   * Requests whose thinking may shrink under load: `asked`, those that ask for it; `always`, those that do not refuse;
   * `never`, none.
   *
   * @default 'asked'
   */
  readonly elastic?: 'asked' | 'always' | 'never' | undefined;
  /**
   * Start time of a copy that is assumed until one has been measured, in seconds.
   *
   * @default - the cold start that `plan` computes from the weights; 600 without an architecture
   */
  readonly startSeconds?: number | undefined;
  /**
   * Settings of the policies.
   *
   * @default - the defaults of lambda/policy
   */
  readonly policy?: PolicyChoices | undefined;
}

export interface HostedModelProps extends ModelProps {
  readonly endpoint: CfnEndpoint;
  readonly endpointName: string;
  readonly variantName: string;
  /** Instance types that the model may run on, the preferred one first. */
  readonly instanceTypes: readonly [string, ...string[]];
  readonly network: Network | undefined;
  readonly executionRole: IRole;
  readonly networkIsolation: boolean;
  readonly goodAnswers: GoodAnswers | undefined;
  readonly logRetention: RetentionDays;
}

/** Returns the model's copies as the placement checks need them. */
export function placementOf(props: ModelProps): Placement {
  return { name: props.id, tensorParallel: props.vllm?.tensorParallel ?? 1, copies: copiesOf(props) };
}

/** Returns the model's number of copies: one, if none is set. */
export function copiesOf(props: Pick<ModelProps, 'copies'>): Copies {
  return props.copies ?? { initial: 1, min: 1, max: 1 };
}

/** Returns the fewest and most copies that may run, with those of scheduled times. */
export function copyRangeOf(props: Pick<ModelProps, 'copies' | 'scaling'>): {
  readonly min: number;
  readonly max: number;
} {
  const ranges = [copiesOf(props), ...(props.scaling?.schedule ?? [])];
  return { min: Math.min(...ranges.map(({ min }) => min)), max: Math.max(...ranges.map(({ max }) => max)) };
}

/** Returns the window that vLLM serves, in tokens. */
export function servedContextTokens(props: ModelProps): number {
  return props.vllm?.contextTokens ?? props.contextTokens;
}
