import { type ApiDescription, body, follow, type Operation, ok, parameter, refused } from '../../apis/operation.ts';
import {
  loadAnswerSchema,
  scalingChangeSchema,
  scalingStatusSchema,
  scheduleBodySchema,
} from '../../scaling/scaling-admin.ts';

const modelQuery = parameter('query', 'model', {
  type: 'string',
  description: 'The id of a model that scales by load. If omitted, the first one.',
});
const scheduleName = parameter('path', 'name', { type: 'string', pattern: '^[\\w.-]{1,64}$' });

/** An action without a body, whose response is the new status. */
const action = (summary: string): Operation => ({
  tags: ['scaling'],
  summary,
  parameters: [modelQuery],
  responses: { ...ok('Scaling'), ...refused('Error') },
});

/** OpenAPI description of load and scaling. */
export const description: ApiDescription<
  | 'getLoad'
  | 'getScaling'
  | 'setScaling'
  | 'wakeScaling'
  | 'pauseScaling'
  | 'resumeScaling'
  | 'putScalingSchedule'
  | 'deleteScalingSchedule'
> = {
  operations: {
    getLoad: {
      tags: ['scaling'],
      summary: 'Get the load of a model’s copies',
      parameters: [modelQuery],
      responses: { ...ok('Load'), ...refused('Error') },
    },
    getScaling: {
      tags: ['scaling'],
      summary: 'Get copies, load, policy, and the last decisions with their reasons',
      parameters: [modelQuery],
      responses: { ...ok('Scaling'), ...refused('Error') },
    },
    setScaling: {
      tags: ['scaling'],
      summary: 'Change bounds or policy settings',
      parameters: [modelQuery],
      requestBody: body('ScalingChange', { min_copies: 1, policy: { shrink_from: 0.6 } }),
      responses: { ...ok('Scaling'), ...refused('Error') },
    },
    wakeScaling: action('Start the first copies now'),
    pauseScaling: action('Stop all copies until scaling is resumed'),
    resumeScaling: action('Resume scaling after a pause'),
    putScalingSchedule: {
      tags: ['scaling'],
      summary: 'Create or replace a schedule that changes the bounds',
      parameters: [scheduleName, modelQuery],
      requestBody: body('ScalingSchedule', {
        schedule: 'cron(0 7 ? * MON-FRI *)',
        timezone: 'Europe/Berlin',
        min_copies: 1,
        max_copies: 4,
      }),
      responses: {
        ...ok('Scaling', '200', follow(['deleteScalingSchedule'], { name: '$request.path.name' })),
        ...refused('Error'),
      },
    },
    deleteScalingSchedule: {
      tags: ['scaling'],
      summary: 'Delete a schedule',
      parameters: [scheduleName, modelQuery],
      responses: { ...ok('Scaling'), ...refused('Error') },
    },
  },
  requestSchemas: { ScalingChange: scalingChangeSchema, ScalingSchedule: scheduleBodySchema },
  responseSchemas: { Load: loadAnswerSchema, Scaling: scalingStatusSchema },
};
