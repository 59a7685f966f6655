import type { MachineSettings } from '../machine-settings.ts';
import { catchAll, failure, present, retryCall, type State, type States, sdkAction } from './state.ts';

/** From the input to a run with a name, hyperparameters and data. */
export function startStates(settings: MachineSettings): States {
  const { bucketName, job } = settings;
  return {
    Start: {
      Type: 'Choice',
      Choices: [
        { And: [present('$.rollBack'), { Variable: '$.rollBack', BooleanEquals: true }], Next: 'ReadService' },
        { And: [present('$.cleanUp'), { Variable: '$.cleanUp', IsString: true }], Next: 'NameLeftover' },
      ],
      Default: 'NameRun',
    },
    NameRun: {
      Type: 'Pass',
      Comment: 'The name of the execution is the name of the run',
      Parameters: {
        'run.$': '$$.Execution.Name',
        'model.$': `States.Format('${settings.name}-{}', $$.Execution.Name)`,
        'data.$': `States.Format('s3://${bucketName}/runs/{}/data/', $$.Execution.Name)`,
        'dataPrefix.$': "States.Format('runs/{}/data/', $$.Execution.Name)",
      },
      ResultPath: '$.names',
      Next: 'NameJob',
    },
    NameJob: {
      Type: 'Pass',
      Parameters: { attempt: 1, 'name.$': '$.names.model' },
      ResultPath: '$.job',
      Next: 'DefaultHyperparameters',
    },
    DefaultHyperparameters: {
      Type: 'Pass',
      Result: job.hyperparameters,
      ResultPath: '$.defaults',
      Next: 'CheckInput',
    },
    CheckInput: checkInput,
    WrongRun: failure(
      'WrongInput',
      'The execution is named {}, but its input names another run. Start it as budgetforce train start does, with the run as its name.',
      ['$.names.run'],
    ),
    WrongData: failure(
      'WrongInput',
      'The data of run {} has to be at {}. Upload the rows there, or leave data out of the input.',
      ['$.names.run', '$.names.data'],
    ),
    MergeHyperparameters: {
      Type: 'Pass',
      Comment: 'Those of the input replace those of the config',
      Parameters: { 'merged.$': 'States.JsonMerge($.defaults, $.hyperparameters, false)' },
      ResultPath: '$.options',
      Next: 'ListData',
    },
    KeepHyperparameters: {
      Type: 'Pass',
      Parameters: { 'merged.$': '$.defaults' },
      ResultPath: '$.options',
      Next: 'ListData',
    },
    ...dataStates(settings),
  };
}

const checkInput: State = {
  Type: 'Choice',
  Choices: [
    {
      And: [present('$.run'), { Not: { Variable: '$.run', StringEqualsPath: '$.names.run' } }],
      Next: 'WrongRun',
    },
    {
      And: [present('$.data'), { Not: { Variable: '$.data', StringEqualsPath: '$.names.data' } }],
      Next: 'WrongData',
    },
    { ...present('$.hyperparameters'), Next: 'MergeHyperparameters' },
  ],
  Default: 'KeepHyperparameters',
};

/** Refuses a run without rows before an instance is paid for. What is in the rows, the script checks before it trains. */
function dataStates({ partition, bucketName }: MachineSettings): States {
  return {
    ListData: {
      Type: 'Task',
      Resource: sdkAction(partition, 's3', 'listObjectsV2'),
      Parameters: {
        Bucket: bucketName,
        'Prefix.$': '$.names.dataPrefix',
        // Without the folder itself, which the console creates as an empty object.
        'StartAfter.$': '$.names.dataPrefix',
        MaxKeys: 1,
      },
      Retry: retryCall,
      Catch: catchAll('DataUnreadable'),
      ResultPath: '$.listed',
      Next: 'AnyRows',
    },
    AnyRows: {
      Type: 'Choice',
      Choices: [
        {
          And: [present('$.listed.Contents[0].Size'), { Variable: '$.listed.Contents[0].Size', NumericGreaterThan: 0 }],
          Next: 'Train',
        },
      ],
      Default: 'DataMissing',
    },
    DataMissing: failure(
      'DataMissing',
      'There are no rows at {}. Upload a JSONL file there, as budgetforce train start does, and start a new run.',
      ['$.names.data'],
    ),
    DataUnreadable: failure('DataUnreadable', 'The data at {} cannot be listed: {}', [
      '$.names.data',
      '$.failure.Cause',
    ]),
  };
}
