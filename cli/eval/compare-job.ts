import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { DescribeInferenceComponentCommand, SageMakerClient } from '@aws-sdk/client-sagemaker';
import * as z from 'zod';
import { EVALUATIONS, runFolder } from '../../lib/training/bucket-layout.ts';
import { EVALUATION_VARIABLE, evaluationSettingsSchema } from '../../lib/training/evaluation-settings.ts';
import { AnswerStore } from './answer-store.ts';
import { compareModels, comparisonText, questionsKey } from './compare-models.ts';
import { serveComponent } from './serve-component.ts';

/**
 * The job of CodeBuild in a fine-tuning: asks the trained model and the one in service the same questions. Progress goes to the standard
 * error, which is the log of the build; the verdict is one JSON line on the standard output, which the build gives back.
 */
const environmentSchema = z.object({
  AWS_REGION: z.string(),
  RUN: z.string(),
  /** Name of the SageMaker model with the trained weights. */
  MODEL_NAME: z.string(),
  /** Training job, whose output has the tokenizer. */
  JOB: z.string(),
  [EVALUATION_VARIABLE]: z.string(),
});

/** How often answers are stored while questions are asked: a build that is stopped loses no more. */
const STORE_MS = 120_000;

try {
  const environment = environmentSchema.parse(process.env);
  const { AWS_REGION: region, RUN: run, MODEL_NAME: trainedName, JOB: job } = environment;
  const settings = evaluationSettingsSchema.parse(JSON.parse(environment[EVALUATION_VARIABLE]));
  const store = new AnswerStore(new S3Client({ region }), settings.bucket);
  const serviceName = await modelOf(new SageMakerClient({ region }), settings.component);
  const folder = await mkdtemp(join(tmpdir(), 'evaluation-'));
  const questions = join(folder, `questions${/\.\w+$/.exec(settings.questions)?.[0] ?? '.jsonl'}`);
  const tokenizer = join(folder, 'tokenizer.json');
  await store.download(settings.questions, questions);
  await store.download(`s3://${settings.bucket}/${runFolder(run)}output/${job}/output/model/tokenizer.json`, tokenizer);
  const key = await questionsKey(questions, settings);
  const places = [trainedName, serviceName].map((name) => ({
    folder: join(folder, name),
    prefix: `${EVALUATIONS}${name}/${key}/`,
  }));
  for (const { prefix, folder: place } of places) await store.restore(prefix, place);
  const keep = async () => {
    for (const { prefix, folder: place } of places) await store.store(place, prefix).catch(() => {});
  };
  const [trained, service] = [
    await serveComponent(settings, settings.candidate, tokenizer),
    await serveComponent(settings, settings.component, tokenizer),
  ];
  const storing = setInterval(() => void keep(), STORE_MS);
  try {
    const compared = await compareModels(
      settings,
      questions,
      {
        trained: { modelName: trainedName, baseUrl: trained.baseUrl, folder: join(folder, trainedName) },
        service: { modelName: serviceName, baseUrl: service.baseUrl, folder: join(folder, serviceName) },
      },
      new AbortController().signal,
    );
    await store.write(`${runFolder(run)}evaluation/report.json`, `${JSON.stringify(compared, null, 2)}\n`);
    await store.write(`${runFolder(run)}evaluation/report.md`, comparisonText(compared));
    process.stdout.write(`${JSON.stringify(compared.verdict)}\n`);
  } finally {
    clearInterval(storing);
    await keep();
    trained.close();
    service.close();
  }
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** Name of the model that a component serves. */
async function modelOf(sageMaker: SageMakerClient, name: string): Promise<string> {
  const { Specification: one, Specifications: several = [] } = await sageMaker.send(
    new DescribeInferenceComponentCommand({ InferenceComponentName: name }),
  );
  const model = one?.ModelName ?? several[0]?.ModelName;
  if (model === undefined) throw new Error(`The component ${name} serves no model.`);
  return model;
}
