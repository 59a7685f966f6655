import { type ApiDescription, body, type Operation, ok, parameter, refused } from '../../apis/operation.ts';
import {
  loadAnswerSchema,
  scalingChangeSchema,
  scalingStatusSchema,
  scheduleBodySchema,
} from '../../scaling/scaling-admin.ts';

const modelQuery = parameter('query', 'model', {
  type: 'string',
  description: 'A model that scales by load. Default: the first.',
});
const scheduleName = parameter('path', 'name', { type: 'string', pattern: '^[\\w.-]{1,64}$' });

/** An action without a body, which answers with the scaling as it is then. */
const action = (summary: string): Operation => ({
  tags: ['scaling'],
  summary,
  parameters: [modelQuery],
  responses: { ...ok('Scaling'), ...refused('Error') },
});

/** Load and scaling in the OpenAPI document. */
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
      summary: 'How loaded the copies of a model are',
      parameters: [modelQuery],
      responses: { ...ok('Load'), ...refused('Error') },
    },
    getScaling: {
      tags: ['scaling'],
      summary: 'Copies, load, policy, the last decisions and why',
      parameters: [modelQuery],
      responses: { ...ok('Scaling'), ...refused('Error') },
    },
    setScaling: {
      tags: ['scaling'],
      summary: 'Other bounds or settings of the policies',
      parameters: [modelQuery],
      requestBody: body('ScalingChange', { min_copies: 1, policy: { shrink_from: 0.6 } }),
      responses: { ...ok('Scaling'), ...refused('Error') },
    },
    wakeScaling: action('Start the first copy now'),
    pauseScaling: action('No copy at all, until it is resumed'),
    resumeScaling: action('As before the pause'),
    putScalingSchedule: {
      tags: ['scaling'],
      summary: 'Other bounds from a time on',
      parameters: [scheduleName, modelQuery],
      requestBody: body('ScalingSchedule', {
        schedule: 'cron(0 7 ? * MON-FRI *)',
        timezone: 'Europe/Berlin',
        min_copies: 1,
        max_copies: 4,
      }),
      responses: { ...ok('Scaling'), ...refused('Error') },
    },
    deleteScalingSchedule: {
      tags: ['scaling'],
      summary: 'No schedule of this name any more',
      parameters: [scheduleName, modelQuery],
      responses: { ...ok('Scaling'), ...refused('Error') },
    },
  },
  requestSchemas: { ScalingChange: scalingChangeSchema, ScalingSchedule: scheduleBodySchema },
  responseSchemas: { Load: loadAnswerSchema, Scaling: scalingStatusSchema },
};
