/** Where things are in the bucket of runs. */

/** Folder of checkpoints, by run. Not in the folder of a run, because a lifecycle rule is for the beginning of a key. */
export const CHECKPOINTS = 'checkpoints/';

/** Folder of answers to the questions of evaluations, by SageMaker model. What a model has answered once is not asked again. */
export const EVALUATIONS = 'evaluations/';

/** Which weights are in service, and which were before. */
export const SERVICE_FILE = 'service/current.json';

/** Folder of a run. */
export const runFolder = (run: string) => `runs/${run}/`;
