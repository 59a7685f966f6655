/** Metrics that SageMaker reads from the lines of training/sft and shows in CloudWatch. A test compares them with training/sft/README.md. */
export const metricDefinitions = [
  { Name: 'loss', Regex: '"loss":([0-9.eE+-]+)' },
  { Name: 'learning_rate', Regex: '"learning_rate":([0-9.eE+-]+)' },
  { Name: 'grad_norm', Regex: '"grad_norm":([0-9.eE+-]+)' },
  { Name: 'token_accuracy', Regex: '"token_accuracy":([0-9.eE+-]+)' },
  { Name: 'tokens_per_second', Regex: '"tokens_per_second":([0-9.eE+-]+)' },
  { Name: 'step', Regex: '\\{"step":([0-9]+),"steps"' },
];
