import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { apiClientOptions, apiOptions } from '../api-client.ts';
import { type Action, defineCommand, findAction } from '../command.ts';
import { addDocuments } from '../docs/add-documents.ts';
import { DocumentsApi, type Store } from '../docs/documents-api.ts';
import { findDocuments } from '../docs/find-documents.ts';
import { parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';

interface Given {
  readonly api: DocumentsApi;
  readonly storeName: string;
  /** What follows the action. */
  readonly subject: string | undefined;
  readonly prune: boolean;
  readonly maxResults: number;
  readonly print: (json: unknown, text: string) => void;
}

interface DocsAction extends Action {
  run(given: Given): Promise<number>;
}

const actions: Readonly<Record<string, DocsAction>> = {
  add: {
    arguments: ['FOLDER'],
    summary: 'add the documents of a folder, or one file; unchanged ones are skipped, changed ones replaced',
    async run({ api, storeName, subject, prune, print }) {
      const path = required('add', subject, 'a folder or a file');
      const documents = await findDocuments(path);
      if (prune && !(await stat(path)).isDirectory()) {
        throw new UsageError(`--prune removes what a folder no longer has, and ${path} is a file. Give its folder.`);
      }
      const store = (await api.find(storeName)) ?? (await api.create(storeName));
      const report = await addDocuments(api, store, documents, {
        prune,
        progress: (line) => process.stderr.write(`${line}\n`),
      });
      const { added, replaced, unchanged, removed, failed } = report;
      const counts = Object.entries({ added, replaced, unchanged, removed, failed })
        .map(([what, names]) => `${names.length} ${what}`)
        .join(', ');
      print(
        report,
        [
          `${storeName} (${store.id}): ${counts}`,
          ...failed.map(({ name, why }) => `FAILED ${why.startsWith(`${basename(name)} `) ? why : `${name}: ${why}`}`),
          '',
        ].join('\n'),
      );
      return failed.length === 0 ? 0 : 1;
    },
  },
  list: {
    arguments: [],
    summary: 'show the documents of the store',
    async run({ api, storeName, print }) {
      const store = await existing(api, storeName);
      const files = await api.files(store);
      const lines = files
        .map(({ id, status, attributes, last_error: error }) => {
          const note = status === 'completed' ? '' : `  ${status}${error === null ? '' : `: ${error.message}`}`;
          return `${id}  ${String(attributes['path'] ?? '')}${note}\n`;
        })
        .toSorted();
      print({ store: store.id, files }, files.length === 0 ? `${storeName} is empty.\n` : lines.join(''));
      return 0;
    },
  },
  search: {
    arguments: ['QUERY'],
    summary: 'show the passages that a query finds',
    async run({ api, storeName, subject, maxResults, print }) {
      const store = await existing(api, storeName);
      const found = await api.search(store, required('search', subject, 'a query'), maxResults);
      const lines = found.map(
        ({ score, filename, attributes, content }) =>
          `${score.toFixed(2)}  ${String(attributes['path'] ?? filename)}\n${content.map(({ text }) => `      ${text.replaceAll('\n', '\n      ')}`).join('\n')}\n`,
      );
      print({ store: store.id, data: found }, found.length === 0 ? 'Nothing was found.\n' : lines.join(''));
      return 0;
    },
  },
  remove: {
    arguments: ['PATH'],
    summary: 'remove a document, by its path or id as list shows them',
    async run({ api, storeName, subject, print }) {
      const name = required('remove', subject, 'the path or the id of a document, which docs list shows');
      const store = await existing(api, storeName);
      const files = (await api.files(store)).filter(({ id, attributes }) => id === name || attributes['path'] === name);
      if (files.length === 0) throw new Error(`${storeName} has no document ${name}. docs list shows them.`);
      for (const file of files) await api.remove(file);
      print({ store: store.id, removed: files.map(({ id }) => id) }, `${name}: removed\n`);
      return 0;
    },
  },
};

/** `budgetforce docs`. */
export const docsCommand = defineCommand({
  name: 'docs',
  description:
    'Keeps documents in a vector store of an API, local or deployed, for requests with retrieval (docs/retrieval.md). Markdown, text, HTML, PDF and DOCX.',
  actions,
  options: {
    store: {
      type: 'string',
      placeholder: 'NAME',
      default: 'documents',
      description: 'name of the vector store; add creates it',
    },
    prune: { type: 'boolean', description: 'of add: remove documents of the store that the folder no longer has' },
    'max-results': {
      type: 'string',
      placeholder: 'N',
      default: '5',
      description: 'of search: passages to show, 1 to 50',
    },
    ...apiOptions,
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  exitCodes: ['done', 'a document cannot be read, or the API failed'],
  async run({ values, positionals }) {
    const [name, subject, ...more] = positionals;
    if (more.length > 0)
      throw new UsageError(`docs takes one action and one argument, but also got ${more.join(' ')}. Quote a query.`);
    const action = findAction(actions, name);
    return await action.run({
      api: new DocumentsApi(apiClientOptions(values)),
      storeName: values.store,
      subject,
      prune: values.prune ?? false,
      maxResults: parseWholeNumber('max-results', values['max-results'], { min: 1, max: 50 }),
      print: (json, text) => process.stdout.write(values.json ? `${JSON.stringify(json)}\n` : text),
    });
  },
});

function required(action: string, subject: string | undefined, what: string): string {
  if (subject !== undefined && subject !== '') return subject;
  throw new UsageError(`docs ${action} takes ${what}.`);
}

async function existing(api: DocumentsApi, name: string): Promise<Store> {
  const store = await api.find(name);
  if (store !== undefined) return store;
  throw new Error(
    `There is no vector store with the name ${name}. budgetforce docs add FOLDER --store ${name} makes it.`,
  );
}
