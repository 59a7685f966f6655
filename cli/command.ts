import { parseArgs } from 'node:util';
import { helpText } from './help-text.ts';
import { UsageError } from './usage-error.ts';

/** A command in the list that `budgetforce --help` prints. */
export interface CommandEntry {
  readonly name: string;
  /** What the command does, in one line. */
  readonly summary: string;
  /** Loads the file of the command. */
  readonly load: () => Promise<Command>;
}

/** A command, ready to run. */
export interface Command {
  readonly name: string;
  readonly help: string;
  /**
   * Runs the command and returns its exit code.
   *
   * @throws {UsageError} if the arguments are wrong: exit code 2. Any other error is exit code 1.
   */
  run(argv: readonly string[]): Promise<number>;
}

/** An option, declared once: `parseArgs` reads it and the help text shows it. */
export interface Option {
  readonly type: 'string' | 'boolean';
  /** The option may be repeated. */
  readonly multiple?: boolean;
  /** Value if the option is omitted. */
  readonly default?: string;
  /** What the help text shows as the default, if that is not `default` itself or if `run` determines it. */
  readonly defaultText?: string;
  /** What stands for the value in the help text, for instance `FILE`. */
  readonly placeholder?: string;
  readonly description: string;
  /** Heading in the help text. @default 'Options' */
  readonly group?: string;
}

type Options = Readonly<Record<string, Option>>;

/** What a command does by its first argument, for instance `keys create NAME`. */
export interface Action {
  /** Placeholders of the arguments that follow the name. */
  readonly arguments: readonly string[];
  readonly summary: string;
}

/** A command as its file declares it. */
interface Declaration<O extends Options> {
  readonly name: string;
  /** What it does, in sentences. */
  readonly description: string;
  /** Placeholder of its arguments, for instance `[CONFIG.json]`. If omitted, it takes options only. */
  readonly arguments?: string;
  /** What its first argument selects. */
  readonly actions?: Readonly<Record<string, Action>>;
  /** The action if no argument is given. If omitted, the first argument is required. */
  readonly defaultAction?: string;
  readonly options: O;
  /** Paragraph of the help text below the options. */
  readonly note?: string;
  /** What exit codes 0 and 1 mean. */
  readonly exitCodes: readonly [done: string, failed: string];
  run(input: CommandInput<O>): Promise<number>;
}

type CommandInput<O extends Options> = ReturnType<typeof parseArgs<ParseConfig<O>>>;
interface ParseConfig<O extends Options> {
  readonly args: string[];
  readonly options: O;
  readonly allowPositionals: boolean;
}

/**
 * Defines a command from its declaration.
 *
 * @example
 * export const helloCommand = defineCommand({
 *   name: 'hello',
 *   description: 'Prints a greeting.',
 *   options: { name: { type: 'string', placeholder: 'NAME', default: 'operator', description: 'name to greet' } },
 *   exitCodes: ['greeted', 'failed'],
 *   async run({ values }) {
 *     process.stdout.write(`Hello ${values.name}.\n`);
 *     return 0;
 *   },
 * });
 */
export function defineCommand<const O extends Options>(declaration: Declaration<O>): Command {
  const { name, options } = declaration;
  const allowPositionals = declaration.arguments !== undefined || declaration.actions !== undefined;
  return {
    name,
    help: commandHelp(declaration),
    run: async (argv) =>
      await declaration.run(parseArgs<ParseConfig<O>>({ args: [...argv], options, allowPositionals })),
  };
}

/**
 * Finds the action that the first argument names.
 *
 * @throws {UsageError} if there is no such action
 */
export function findAction<A extends Action>(actions: Readonly<Record<string, A>>, name: string | undefined): A {
  const action = name !== undefined && Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action !== undefined) return action;
  const known = Object.keys(actions).join(', ');
  throw new UsageError(
    name === undefined
      ? `The action is missing. Write one of: ${known}.`
      : `There is no action ${JSON.stringify(name)}. There are: ${known}.`,
  );
}

function commandHelp(declaration: Omit<Declaration<Options>, 'run'>): string {
  const { name, description, actions, defaultAction, options, exitCodes, note } = declaration;
  const [done, failed] = exitCodes;
  const entries: readonly [string, Option][] = [
    ...Object.entries(options),
    ['help', { type: 'boolean', description: 'print this text' }],
  ];
  const groups = Object.groupBy(entries, ([, { group = 'Options' }]) => group);
  return helpText({
    usage: [name, actions && (defaultAction === undefined ? 'ACTION' : '[ACTION]'), declaration.arguments, '[options]']
      .filter(Boolean)
      .join(' '),
    description,
    sections: [
      ...(actions === undefined ? [] : [{ title: 'Actions', rows: actionRows(actions) }]),
      ...Object.entries(groups).map(([title, group = []]) => ({
        title,
        rows: group.map(([option, declared]) => [termOf(option, declared), descriptionOf(declared)] as const),
      })),
    ],
    notes: [...(note === undefined ? [] : [note]), `Exit codes: 0 ${done}, 1 ${failed}, 2 wrong usage.`],
  });
}

function actionRows(actions: Readonly<Record<string, Action>>): readonly (readonly [string, string])[] {
  return Object.entries(actions).map(([name, action]) => [[name, ...action.arguments].join(' '), action.summary]);
}

function termOf(name: string, { placeholder }: Option): string {
  return placeholder === undefined ? `--${name}` : `--${name} ${placeholder}`;
}

function descriptionOf({ description, default: value, defaultText = value }: Option): string {
  return defaultText === undefined ? description : `${description} (default: ${defaultText})`;
}
