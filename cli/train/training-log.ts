import * as z from 'zod';

/** Metrics of a step, as training/sft prints them. */
const stepSchema = z.object({
  step: z.int(),
  steps: z.int(),
  epoch: z.number(),
  loss: z.number(),
  /** Of rows; pairs have none. */
  token_accuracy: z.number().optional(),
  tokens_per_second: z.number(),
  tokens: z.number(),
});
type Step = z.infer<typeof stepSchema>;

const eventSchema = z.looseObject({
  event: z.string(),
  step: z.int().optional(),
  checkpoint: z.string().nullish(),
  rows: z.int().optional(),
  tokens: z.number().optional(),
});

/** How far a training is. */
export interface TrainingProgress {
  /** Last step that was done. 0 before the first. */
  readonly step: number;
  /** `undefined` before the first step. */
  readonly steps: number | undefined;
  readonly epoch: number | undefined;
  /** Mean loss of the last tenth of the steps so far, at least of the last line. */
  readonly loss: number | undefined;
  /** Loss of the first line of the whole run. */
  readonly firstLoss: number | undefined;
  /** Share of the tokens that the model finds most probable, in the last line. */
  readonly tokenAccuracy: number | undefined;
  readonly tokensPerSecond: number | undefined;
  /** Estimate from the tokens of a step and the speed: of the last ten lines. */
  readonly secondsLeft: number | undefined;
  /** Last checkpoint that the run has written or continued from. */
  readonly checkpoint: string | undefined;
  /** How the last attempt ended. `undefined` if its log does not say. */
  readonly end: 'done' | 'stopped' | undefined;
  /** Rows of the data, from the beginning of the last attempt. */
  readonly rows: number | undefined;
}

const RECENT = 10;

/** Reads the lines of a training's standard output, of all its attempts. Lines of other programs are passed over. */
export class TrainingLog {
  #steps: Step[] = [];
  /** Step from which the attempt counts its tokens. */
  #from = 0;
  #firstLoss: number | undefined;
  #checkpoint: string | undefined;
  #end: 'done' | 'stopped' | undefined;
  #rows: number | undefined;
  #recent: Step[] = [];

  add(line: string): void {
    const value = parseJson(line);
    const step = stepSchema.safeParse(value);
    if (step.success) {
      this.#firstLoss ??= step.data.loss;
      this.#steps.push(step.data);
      this.#recent.push(step.data);
      return;
    }
    const event = eventSchema.safeParse(value);
    if (event.success) this.#note(event.data);
  }

  #note({ event, step, checkpoint, rows }: z.infer<typeof eventSchema>): void {
    switch (event) {
      case 'start':
        this.#from = Number(checkpoint?.split('-').at(-1) ?? 0);
        this.#checkpoint = checkpoint ?? undefined;
        // Steps after the checkpoint are done again.
        this.#steps = this.#steps.filter((each) => each.step <= this.#from);
        this.#recent = [];
        this.#end = undefined;
        this.#rows = rows;
        return;
      case 'checkpoint':
        this.#checkpoint = `checkpoint-${step}`;
        return;
      case 'stopped':
      case 'done':
        this.#end = event;
        return;
      default:
    }
  }

  /** Losses by step, without those of steps that were done again. */
  get losses(): readonly { readonly step: number; readonly loss: number }[] {
    return this.#steps.map(({ step, loss }) => ({ step, loss }));
  }

  progress(): TrainingProgress {
    const last = this.#steps.at(-1);
    const tail = this.#steps.slice(-Math.max(1, Math.ceil(this.#steps.length / 10)));
    const recent = this.#recent.slice(-RECENT);
    const speed = mean(recent.map(({ tokens_per_second: speedOf }) => speedOf));
    const now = this.#recent.at(-1);
    return {
      step: last?.step ?? this.#from,
      steps: last?.steps,
      epoch: last?.epoch,
      loss: mean(tail.map(({ loss }) => loss)),
      firstLoss: this.#firstLoss,
      tokenAccuracy: last?.token_accuracy,
      tokensPerSecond: speed,
      secondsLeft:
        now === undefined || speed === undefined || speed === 0 || now.step <= this.#from
          ? undefined
          : ((now.steps - now.step) * (now.tokens / (now.step - this.#from))) / speed,
      checkpoint: this.#checkpoint,
      end: this.#end,
      rows: this.#rows,
    };
  }
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
