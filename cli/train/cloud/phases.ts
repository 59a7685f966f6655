/** Where a run is, by the state of the machine that it entered last. */
const phases: Readonly<Record<string, readonly string[]>> = {
  starting: [
    ...['Start', 'NameRun', 'NameJob', 'DefaultHyperparameters', 'CheckInput', 'WrongRun', 'WrongData'],
    ...['MergeHyperparameters', 'KeepHyperparameters', 'ListData', 'AnyRows', 'DataMissing', 'DataUnreadable'],
  ],
  training: [
    ...['Train', 'WasCreated', 'DescribeJob', 'WhyNot', 'ForgetLostAnswer'],
    ...['TrainingRefused', 'TrainingFailed', 'TrainingStopped', 'TrainingTooLong'],
  ],
  'waits for capacity': ['AttemptsLeft', 'WaitForCapacity', 'NextAttempt', 'ForgetFailure', 'NoCapacity'],
  registering: ['CreateModel', 'CreatePackageGroup', 'CreatePackage', 'RegistrationFailed'],
  evaluating: [
    ...['CreateCandidate', 'CandidateRefused', 'CountStarting', 'WaitForCandidate', 'CountStartingPoll'],
    ...['DescribeCandidate', 'IsCandidateReady', 'CandidateFailed', 'CandidateFailedSilently', 'CandidateLate'],
    ...['CandidateLost', 'Evaluate', 'QuestionsFailed', 'DeleteCandidate', 'CountDeleting', 'WaitForDeletion'],
    ...['CountDeletingPoll', 'SeeDeletion', 'IsDeletionLate', 'CandidateStays', 'WasEvaluated'],
  ],
  'waits for approval': ['Decide', 'NotifyApprover', 'AskApproval'],
  deciding: [
    ...['IsApproved', 'WhyNotApproved', 'Rejected', 'RejectedByError', 'ApprovalExpired', 'ApprovalFailed'],
    ...['RuleNotMet', 'Reject', 'Approve'],
  ],
  'going into service': [
    ...['DescribeService', 'ReadFormer', 'WasPromoted', 'FormerIsRun', 'FormerIsDeployed', 'Target', 'ReadService'],
    ...['AnyFormer', 'TargetFormer', 'FormerTarget', 'NothingToRollBack', 'UpdateComponent', 'CountUpdating'],
    ...['WaitForUpdate', 'CountUpdatingPoll', 'DescribeUpdate', 'IsUpdated', 'RecordService', 'InService'],
    ...['RolledBack', 'UpdateFailed', 'UpdateLate', 'PromotionFailed', 'NotRecorded'],
  ],
  ending: ['ReportFailure', 'NotifyFailure', 'Failed'],
  'cleaning up': ['NameLeftover', 'DescribeLeftover', 'IsLeftoverOfRun', 'DeleteLeftover', 'CleanedUp'],
};

const byState = new Map(
  Object.entries(phases).flatMap(([phase, states]) => states.map((state) => [state, phase] as const)),
);

/** The phase of a state. A state that this version does not know stands for itself. */
export function phaseOf(state: string): string {
  return byState.get(state) ?? state;
}
