import { SERVICE_FILE } from '../bucket-layout.ts';
import type { MachineSettings } from '../machine-settings.ts';
import {
  catchAll,
  countFrom,
  countPoll,
  failure,
  present,
  retryCall,
  type States,
  sdkAction,
  withModelPath,
} from './state.ts';

/** Polls once a minute: an update of many copies with long waits. */
const UPDATE_POLLS = 360;

/** The component gets the approved weights, or those before them, and `SERVICE_FILE` says which. */
export function promoteStates(settings: MachineSettings): States {
  return {
    ...targetStates(settings),
    ...rollBackStates(settings),
    ...updateStates(settings),
    ...outcomeStates(settings),
  };
}

function targetStates({ partition, bucketName, component }: MachineSettings): States {
  return {
    DescribeService: {
      Type: 'Task',
      Resource: sdkAction(partition, 'sagemaker', 'describeInferenceComponent'),
      Parameters: { InferenceComponentName: component.name },
      Retry: retryCall,
      Catch: catchAll('PromotionFailed'),
      ResultSelector: { 'modelName.$': component.modelPath },
      ResultPath: '$.former',
      Next: 'ReadFormer',
    },
    ReadFormer: {
      Type: 'Task',
      Comment: 'Fails before the first promotion',
      Resource: sdkAction(partition, 's3', 'getObject'),
      Parameters: { Bucket: bucketName, Key: SERVICE_FILE },
      ResultSelector: { 'current.$': 'States.StringToJson($.Body)' },
      ResultPath: '$.service',
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.service', Next: 'FormerIsDeployed' }],
      Next: 'WasPromoted',
    },
    WasPromoted: {
      Type: 'Choice',
      Comment: 'A deployment of the endpoint stack may have replaced what a run promoted',
      Choices: [
        { Variable: '$.service.current.modelName', StringEqualsPath: '$.former.modelName', Next: 'FormerIsRun' },
      ],
      Default: 'FormerIsDeployed',
    },
    FormerIsRun: {
      Type: 'Pass',
      Parameters: { 'modelName.$': '$.former.modelName', 'run.$': '$.service.current.run' },
      ResultPath: '$.former',
      Next: 'Target',
    },
    FormerIsDeployed: {
      Type: 'Pass',
      Parameters: { 'modelName.$': '$.former.modelName', run: '' },
      ResultPath: '$.former',
      Next: 'Target',
    },
    Target: {
      Type: 'Pass',
      Parameters: { 'modelName.$': '$.names.model', 'run.$': '$.names.run' },
      ResultPath: '$.target',
      Next: 'UpdateComponent',
    },
  };
}

function rollBackStates({ partition, bucketName }: MachineSettings): States {
  return {
    ReadService: {
      Type: 'Task',
      Resource: sdkAction(partition, 's3', 'getObject'),
      Parameters: { Bucket: bucketName, Key: SERVICE_FILE },
      ResultSelector: { 'current.$': 'States.StringToJson($.Body)' },
      ResultPath: '$.service',
      Catch: catchAll('NothingToRollBack'),
      Next: 'AnyFormer',
    },
    AnyFormer: {
      Type: 'Choice',
      Choices: [{ ...present('$.service.current.previousModelName'), Next: 'TargetFormer' }],
      Default: 'NothingToRollBack',
    },
    TargetFormer: {
      Type: 'Pass',
      Parameters: {
        'modelName.$': '$.service.current.previousModelName',
        'run.$': '$.service.current.previousRun',
      },
      ResultPath: '$.target',
      Next: 'FormerTarget',
    },
    FormerTarget: {
      Type: 'Pass',
      Parameters: { 'modelName.$': '$.service.current.modelName', 'run.$': '$.service.current.run' },
      ResultPath: '$.former',
      Next: 'UpdateComponent',
    },
    NothingToRollBack: failure(
      'NothingToRollBack',
      `${SERVICE_FILE} in the bucket names no former weights: no run has put weights into service.`,
    ),
  };
}

function updateStates({ partition, component }: MachineSettings): States {
  return {
    UpdateComponent: {
      Type: 'Task',
      Resource: sdkAction(partition, 'sagemaker', 'updateInferenceComponent'),
      Parameters: {
        InferenceComponentName: component.name,
        ...withModelPath(component.specification('$.target.modelName')),
        ...(component.deployment !== undefined && { DeploymentConfig: component.deployment }),
      },
      ResultPath: null,
      Retry: retryCall,
      Catch: catchAll('PromotionFailed'),
      Next: 'CountUpdating',
    },
    CountUpdating: countFrom('WaitForUpdate'),
    WaitForUpdate: { Type: 'Wait', Seconds: 60, Next: 'CountUpdatingPoll' },
    CountUpdatingPoll: countPoll('DescribeUpdate'),
    DescribeUpdate: {
      Type: 'Task',
      Resource: sdkAction(partition, 'sagemaker', 'describeInferenceComponent'),
      Parameters: { InferenceComponentName: component.name },
      Retry: retryCall,
      Catch: catchAll('PromotionFailed'),
      ResultSelector: { 'status.$': '$.InferenceComponentStatus', 'modelName.$': component.modelPath },
      ResultPath: '$.described',
      Next: 'IsUpdated',
    },
    IsUpdated: {
      Type: 'Choice',
      Choices: [
        {
          And: [
            { Variable: '$.described.status', StringEquals: 'InService' },
            { Variable: '$.described.modelName', StringEqualsPath: '$.target.modelName' },
          ],
          Next: 'RecordService',
        },
        { Variable: '$.described.status', StringEquals: 'InService', Next: 'RolledBack' },
        { Variable: '$.described.status', StringEquals: 'Failed', Next: 'UpdateFailed' },
        { Variable: '$.poll.count', NumericGreaterThanEquals: UPDATE_POLLS, Next: 'UpdateLate' },
      ],
      Default: 'WaitForUpdate',
    },
  };
}

function outcomeStates({ partition, bucketName, component, ...settings }: MachineSettings): States {
  const alarm = `Look at the alarms of ${component.name}.`;
  return {
    RecordService: {
      Type: 'Task',
      Resource: sdkAction(partition, 's3', 'putObject'),
      Parameters: {
        Bucket: bucketName,
        Key: SERVICE_FILE,
        ContentType: 'application/json',
        Body: {
          'modelName.$': '$.target.modelName',
          'run.$': '$.target.run',
          'previousModelName.$': '$.former.modelName',
          'previousRun.$': '$.former.run',
        },
      },
      ResultPath: null,
      Retry: retryCall,
      Catch: catchAll('NotRecorded'),
      Next: 'InService',
    },
    InService: { Type: 'Succeed', Comment: `The weights of ${settings.name} are in service` },
    RolledBack: failure(
      'RolledBack',
      `The copies with {} were taken back, since an alarm went off. {} is in service. ${alarm}`,
      ['$.target.modelName', '$.described.modelName'],
    ),
    UpdateFailed: failure(
      'UpdateFailed',
      `The update of ${component.name} failed, and {} may be in service in part. ${alarm}`,
      ['$.target.modelName'],
    ),
    UpdateLate: failure(
      'UpdateLate',
      `${component.name} is still being updated after ${UPDATE_POLLS / 60} hours. ${alarm}`,
    ),
    PromotionFailed: failure('PromotionFailed', `${component.name} could not be updated: {} {}`, [
      '$.failure.Error',
      '$.failure.Cause',
    ]),
    NotRecorded: failure(
      'NotRecorded',
      `{} is in service, but ${SERVICE_FILE} could not be written, so a roll-back would not find what was before: {}`,
      ['$.target.modelName', '$.failure.Cause'],
    ),
  };
}
