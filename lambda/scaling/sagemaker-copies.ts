import type { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import type { SageMakerClient } from '@aws-sdk/client-sagemaker';
import {
  type CopiesSeen,
  CopiesUnavailableError,
  type CopyBounds,
  type CopyControl,
  type CopySchedule,
} from './copy-control.ts';

const SCALABLE = {
  ServiceNamespace: 'sagemaker',
  ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
} as const;

const DESCRIBE_TIMEOUT_MS = 5_000;

/** Copies of an inference component, via SageMaker and Application Auto Scaling. Both SDK clients are loaded on first use. */
export class SageMakerCopies implements CopyControl {
  readonly #component: string;
  readonly #target: typeof SCALABLE & { readonly ResourceId: string };
  #sageMaker: Promise<SageMakerClient> | undefined;
  #autoScaling: Promise<ApplicationAutoScalingClient> | undefined;

  constructor(component: string) {
    this.#component = component;
    this.#target = { ...SCALABLE, ResourceId: `inference-component/${component}` };
  }

  async describe(): Promise<CopiesSeen> {
    const { DescribeInferenceComponentCommand } = await import('@aws-sdk/client-sagemaker');
    const client = await this.#sageMakerClient();
    const { RuntimeConfig, FailureReason } = await client.send(
      new DescribeInferenceComponentCommand({ InferenceComponentName: this.#component }),
      // A request waits for this call; the last known state is good enough.
      { abortSignal: AbortSignal.timeout(DESCRIBE_TIMEOUT_MS) },
    );
    const current = RuntimeConfig?.CurrentCopyCount ?? 0;
    return {
      current,
      desired: RuntimeConfig?.DesiredCopyCount ?? current,
      ...(FailureReason === undefined || FailureReason === '' ? {} : { failure: FailureReason }),
    };
  }

  async setCopies(copies: number): Promise<void> {
    const { UpdateInferenceComponentRuntimeConfigCommand } = await import('@aws-sdk/client-sagemaker');
    const client = await this.#sageMakerClient();
    try {
      await client.send(
        new UpdateInferenceComponentRuntimeConfigCommand({
          InferenceComponentName: this.#component,
          DesiredRuntimeConfig: { CopyCount: copies },
        }),
      );
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // Another update is in progress (state UPDATE_RC_IN_PROGRESS): a copy is starting, or a later call succeeds.
      if (error.name === 'ValidationException' && /updating|in[ _-]progress|InService/i.test(error.message)) return;
      if (error.name === 'ResourceLimitExceeded' || /capacity/i.test(error.message)) {
        throw new CopiesUnavailableError(error.message, { cause: error });
      }
      throw error;
    }
  }

  async bounds(): Promise<CopyBounds | undefined> {
    const { DescribeScalableTargetsCommand } = await import('@aws-sdk/client-application-auto-scaling');
    const client = await this.#autoScalingClient();
    const { ScalableTargets = [] } = await client.send(
      new DescribeScalableTargetsCommand({
        ServiceNamespace: this.#target.ServiceNamespace,
        ScalableDimension: this.#target.ScalableDimension,
        ResourceIds: [this.#target.ResourceId],
      }),
    );
    const [target] = ScalableTargets;
    if (target === undefined) return undefined;
    const suspended = target.SuspendedState;
    return {
      min: target.MinCapacity ?? 0,
      max: target.MaxCapacity ?? 0,
      suspended: suspended?.DynamicScalingOutSuspended === true,
    };
  }

  async setBounds({ min, max, suspended }: CopyBounds): Promise<void> {
    const { RegisterScalableTargetCommand } = await import('@aws-sdk/client-application-auto-scaling');
    const client = await this.#autoScalingClient();
    await client.send(
      new RegisterScalableTargetCommand({
        ...this.#target,
        MinCapacity: min,
        MaxCapacity: max,
        SuspendedState: {
          DynamicScalingInSuspended: suspended,
          DynamicScalingOutSuspended: suspended,
          ScheduledScalingSuspended: suspended,
        },
      }),
    );
  }

  async schedules(): Promise<readonly CopySchedule[]> {
    const { paginateDescribeScheduledActions } = await import('@aws-sdk/client-application-auto-scaling');
    const client = await this.#autoScalingClient();
    const found: CopySchedule[] = [];
    for await (const page of paginateDescribeScheduledActions({ client }, this.#target)) {
      for (const action of page.ScheduledActions ?? []) {
        found.push({
          name: action.ScheduledActionName ?? '',
          schedule: action.Schedule ?? '',
          ...(action.Timezone === undefined ? {} : { timezone: action.Timezone }),
          min: action.ScalableTargetAction?.MinCapacity ?? 0,
          max: action.ScalableTargetAction?.MaxCapacity ?? 0,
        });
      }
    }
    return found;
  }

  async putSchedule({ name, schedule, timezone, min, max }: CopySchedule): Promise<void> {
    const { PutScheduledActionCommand } = await import('@aws-sdk/client-application-auto-scaling');
    const client = await this.#autoScalingClient();
    await client.send(
      new PutScheduledActionCommand({
        ...this.#target,
        ScheduledActionName: name,
        Schedule: schedule,
        ...(timezone === undefined ? {} : { Timezone: timezone }),
        ScalableTargetAction: { MinCapacity: min, MaxCapacity: max },
      }),
    );
  }

  async deleteSchedule(name: string): Promise<boolean> {
    const { DeleteScheduledActionCommand, ObjectNotFoundException } = await import(
      '@aws-sdk/client-application-auto-scaling'
    );
    const client = await this.#autoScalingClient();
    try {
      await client.send(new DeleteScheduledActionCommand({ ...this.#target, ScheduledActionName: name }));
      return true;
    } catch (error) {
      if (error instanceof ObjectNotFoundException) return false;
      throw error;
    }
  }

  #sageMakerClient(): Promise<SageMakerClient> {
    this.#sageMaker ??= import('@aws-sdk/client-sagemaker').then(({ SageMakerClient }) => new SageMakerClient());
    return this.#sageMaker;
  }

  #autoScalingClient(): Promise<ApplicationAutoScalingClient> {
    this.#autoScaling ??= import('@aws-sdk/client-application-auto-scaling').then(
      ({ ApplicationAutoScalingClient }) => new ApplicationAutoScalingClient(),
    );
    return this.#autoScaling;
  }
}
