import { z } from 'zod';
import { ScheduleExpressionError } from '../../lambda/scaling/schedule-expression.ts';
import type { CopyFleet } from './copy-fleet.ts';
import type { LocalAutoScaling } from './local-auto-scaling.ts';

/** State that the control plane of the local endpoint reads and changes. */
export interface ControlPlane {
  readonly endpointName: string;
  readonly componentName: string;
  readonly fleet: CopyFleet;
  readonly autoScaling: LocalAutoScaling;
}

export interface ControlAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const count = z.int().min(0);
const component = z.object({ InferenceComponentName: z.string() });
const update = component.extend({ DesiredRuntimeConfig: z.object({ CopyCount: count }) });
const scalable = z.object({
  ServiceNamespace: z.literal('sagemaker'),
  ScalableDimension: z.literal('sagemaker:inference-component:DesiredCopyCount'),
  ResourceId: z.string(),
});
const register = scalable.extend({
  MinCapacity: count.optional(),
  MaxCapacity: count.optional(),
  SuspendedState: z
    .object({
      DynamicScalingInSuspended: z.boolean().optional(),
      DynamicScalingOutSuspended: z.boolean().optional(),
      ScheduledScalingSuspended: z.boolean().optional(),
    })
    .optional(),
});
const putAction = scalable.extend({
  ScheduledActionName: z.string(),
  Schedule: z.string(),
  Timezone: z.string().optional(),
  ScalableTargetAction: z.object({ MinCapacity: count.optional(), MaxCapacity: count.optional() }).optional(),
});
const deleteAction = scalable.extend({ ScheduledActionName: z.string() });

/**
 * Answers the calls of SageMaker and Application Auto Scaling about one component's copies, as the real SDK clients send them
 * (JSON 1.1, with the action in `x-amz-target`).
 *
 * Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeInferenceComponent.html,
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html
 */
export function controlCall(plane: ControlPlane, target: string, body: string): ControlAnswer {
  const call = calls[target];
  if (call === undefined) return failure('UnknownOperationException', `The operation ${target} is not supported.`);
  try {
    return call(plane, JSON.parse(body));
  } catch (error) {
    if (error instanceof z.ZodError) return failure('ValidationException', z.prettifyError(error));
    if (error instanceof ScheduleExpressionError) return failure('ValidationException', error.message);
    if (error instanceof SyntaxError) return failure('SerializationException', error.message);
    throw error;
  }
}

const calls: Readonly<Record<string, (plane: ControlPlane, input: unknown) => ControlAnswer>> = {
  'SageMaker.DescribeInferenceComponent': (plane, input) =>
    ofComponent(plane, component.parse(input), () => {
      const { fleet, endpointName, componentName } = plane;
      const { running, desired, failure: why } = fleet;
      return {
        InferenceComponentName: componentName,
        InferenceComponentArn: componentArn(componentName),
        EndpointName: endpointName,
        EndpointArn: `arn:aws:sagemaker:us-east-2:111122223333:endpoint/${endpointName}`,
        VariantName: 'AllTraffic',
        InferenceComponentStatus: running === desired ? 'InService' : 'Updating',
        RuntimeConfig: { CurrentCopyCount: running, DesiredCopyCount: desired },
        CreationTime: 1_790_000_000,
        LastModifiedTime: 1_790_000_000,
        ...(why === undefined ? {} : { FailureReason: why }),
      };
    }),
  'SageMaker.UpdateInferenceComponentRuntimeConfig': (plane, input) => {
    const request = update.parse(input);
    return ofComponent(plane, request, () => {
      plane.fleet.setDesired(request.DesiredRuntimeConfig.CopyCount);
      return { InferenceComponentArn: componentArn(plane.componentName) };
    });
  },
  'AnyScaleFrontendService.DescribeScalableTargets': ({ autoScaling, componentName }, _input) => {
    const { min, max, suspended } = autoScaling.target;
    return success({
      ScalableTargets: [
        {
          ServiceNamespace: 'sagemaker',
          ResourceId: `inference-component/${componentName}`,
          ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
          MinCapacity: min,
          MaxCapacity: max,
          RoleARN:
            'arn:aws:iam::111122223333:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint',
          CreationTime: 1_790_000_000,
          SuspendedState: {
            DynamicScalingInSuspended: suspended.in,
            DynamicScalingOutSuspended: suspended.out,
            ScheduledScalingSuspended: suspended.scheduled,
          },
        },
      ],
    });
  },
  'AnyScaleFrontendService.RegisterScalableTarget': (plane, input) => {
    const request = register.parse(input);
    return ofTarget(plane, request, () => {
      const before = plane.autoScaling.target;
      const [min, max] = [request.MinCapacity ?? before.min, request.MaxCapacity ?? before.max];
      if (min > max) return failure('ValidationException', 'MinCapacity must not be greater than MaxCapacity.');
      const { SuspendedState: state = {} } = request;
      const suspended = {
        in: state.DynamicScalingInSuspended ?? before.suspended.in,
        out: state.DynamicScalingOutSuspended ?? before.suspended.out,
        scheduled: state.ScheduledScalingSuspended ?? before.suspended.scheduled,
      };
      plane.autoScaling.register({ min, max, suspended });
      return success({
        ScalableTargetARN: 'arn:aws:application-autoscaling:us-east-2:111122223333:scalable-target/local',
      });
    });
  },
  'AnyScaleFrontendService.DescribeScheduledActions': ({ autoScaling, componentName }, _input) =>
    success({
      ScheduledActions: autoScaling.schedules.map((action) => ({
        ScheduledActionName: action.name,
        ScheduledActionARN: `arn:aws:autoscaling:us-east-2:111122223333:scheduledAction:local:${action.name}`,
        ServiceNamespace: 'sagemaker',
        Schedule: action.schedule,
        ...(action.timezone === undefined ? {} : { Timezone: action.timezone }),
        ResourceId: `inference-component/${componentName}`,
        ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
        ScalableTargetAction: { MinCapacity: action.min, MaxCapacity: action.max },
        CreationTime: 1_790_000_000,
      })),
    }),
  'AnyScaleFrontendService.PutScheduledAction': (plane, input) => {
    const request = putAction.parse(input);
    return ofTarget(plane, request, () => {
      plane.autoScaling.putSchedule({
        name: request.ScheduledActionName,
        schedule: request.Schedule,
        timezone: request.Timezone,
        min: request.ScalableTargetAction?.MinCapacity,
        max: request.ScalableTargetAction?.MaxCapacity,
      });
      return success({});
    });
  },
  'AnyScaleFrontendService.DeleteScheduledAction': (plane, input) => {
    const { ScheduledActionName: name, ...target } = deleteAction.parse(input);
    return ofTarget(plane, target, () =>
      plane.autoScaling.deleteSchedule(name)
        ? success({})
        : failure('ObjectNotFoundException', `No scheduled action found for ${name}.`),
    );
  },
};

function ofComponent(
  { componentName }: ControlPlane,
  { InferenceComponentName: name }: { readonly InferenceComponentName: string },
  answer: () => Readonly<Record<string, unknown>>,
): ControlAnswer {
  if (name === componentName) return success(answer());
  return failure('ValidationException', `Could not find inference component "${componentArn(name)}".`);
}

function ofTarget(
  { componentName }: ControlPlane,
  { ResourceId: id }: { readonly ResourceId: string },
  answer: () => ControlAnswer,
): ControlAnswer {
  if (id === `inference-component/${componentName}`) return answer();
  return failure(
    'ObjectNotFoundException',
    `No scalable target registered for service namespace: sagemaker, resource ID: ${id}, scalable dimension: sagemaker:inference-component:DesiredCopyCount`,
  );
}

function componentArn(name: string): string {
  return `arn:aws:sagemaker:us-east-2:111122223333:inference-component/${name}`;
}

function success(body: Readonly<Record<string, unknown>>): ControlAnswer {
  return { status: 200, body };
}

/** SageMaker's own exceptions have the member `Message`, validation errors have `message`. The SDK reads both. */
function failure(type: string, message: string): ControlAnswer {
  return { status: 400, body: { __type: type, message } };
}
