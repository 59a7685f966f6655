import { Dial } from './dial.ts';
import { DocumentsApi, type FoundPassage, type Store, type StoredDocument } from './documents-api.ts';
import { byId, element } from './element.ts';
import { passageList } from './passage-list.ts';

/** The store that `budgetforce docs` uses, too. */
const STORE_NAME = 'documents';
/** Tokens of passages that a request reads once the reader has added a document. */
const STARTING_TOKENS = 1_000;
/** The end of the dial, which is the highest default of the API. */
const MAX_TOKENS = 4_000;
/** The API's default of `max_results`. */
const SHOWN_PASSAGES = 8;
/** The API looks up so many characters of a question. */
const MAX_QUERY = 4_096;

/** A document that changes an answer: no model knows its number. */
const SAMPLE = {
  name: 'pel-library.md',
  text: '# The Pel library\n\nThe Pel library is known for its 270 books.\n',
  question: 'the number of books of the Pel library then subtract 59. What is the result?',
  /** The embedded model that was trained to read passages. */
  model: 'budgetforce-small',
};

interface DocumentsPanelOptions {
  /** URL of the API, which ends in a slash. */
  readonly base: string;
  readonly headers: () => Readonly<Record<string, string>>;
  /** Text of the question field. */
  readonly question: () => string;
  /** Puts a question into its field and, if the API has it, chooses a model. */
  readonly ask: (question: string, model: string) => void;
  /** Called after each change of what {@link DocumentsPanel.field} returns. */
  readonly onChange: () => void;
}

/** The documents of the key: drop them, see what a question finds in them, and set how many tokens of them a request reads. */
export class DocumentsPanel {
  readonly #options: DocumentsPanelOptions;
  readonly #api: DocumentsApi;
  readonly #panel = byId('documents', HTMLDetailsElement);
  readonly #drop = byId('drop', HTMLElement);
  readonly #status = byId('documents-status', HTMLElement);
  readonly #stores = byId('store', HTMLSelectElement);
  readonly #kept = byId('kept', HTMLElement);
  readonly #found = byId('found', HTMLElement);
  readonly #when = element(
    'select',
    { id: 'passages-when' },
    element('option', { value: 'before' }, 'before the thinking'),
    element('option', { value: 'unsure' }, 'once the model is unsure'),
  );
  #dial: Dial;
  #last: Promise<void> = Promise.resolve();

  constructor(options: DocumentsPanelOptions) {
    this.#options = options;
    this.#api = new DocumentsApi(options.base, options.headers);
    this.#dial = this.#newDial(undefined);
    this.#when.addEventListener('change', options.onChange);
    this.#stores.addEventListener('change', () => {
      void this.#work(() => this.#showKept());
      options.onChange();
    });
    const files = byId('files', HTMLInputElement);
    files.addEventListener('change', () => {
      void this.add([...(files.files ?? [])]);
      files.value = '';
    });
    byId('find', HTMLButtonElement).addEventListener('click', () => void this.#work(() => this.#find()));
    byId('sample-document', HTMLButtonElement).addEventListener('click', () => void this.#addSample());
    this.#takeDrops();
  }

  /** Shows the panel, with the stores of the key. */
  async show(): Promise<void> {
    this.#panel.hidden = false;
    await this.#work(() => this.#showStores());
  }

  /** The field `retrieval` of a request. `undefined`: no documents are read. */
  get field(): Readonly<Record<string, unknown>> | undefined {
    const { value: tokens } = this.#dial;
    const store = this.#stores.value;
    if (this.#panel.hidden || store === '' || tokens === undefined || tokens === 0) return undefined;
    return { stores: [store], max_tokens: tokens, ...(this.#when.value === 'unsure' ? { when: 'unsure' } : {}) };
  }

  /** What a link keeps. Stores are not in it, because they belong to a key. */
  get linked(): { readonly passages: number | undefined; readonly when: string } {
    return { passages: this.#dial.value, when: this.#when.value };
  }

  restore(passages: number | undefined, when: string | undefined): void {
    this.#when.value = when === 'unsure' ? 'unsure' : 'before';
    this.#dial = this.#newDial(passages === undefined ? undefined : Math.min(passages, MAX_TOKENS));
    if (passages !== undefined) this.#panel.open = true;
  }

  /** Returns a function that gives the text of a passage which a request with this question reads now, by its id. */
  reader(question: string): (passageId: string) => Promise<string> {
    const store = this.#stores.value;
    let found: Promise<readonly FoundPassage[]> | undefined;
    return async (passageId) => {
      found ??= this.#api.search(store, question.slice(0, MAX_QUERY), SHOWN_PASSAGES);
      const passage = (await found).find(({ passage_id: id }) => id === passageId);
      return passage === undefined
        ? 'The documents have changed since: this passage is no longer found.'
        : textOf(passage);
    };
  }

  /** Adds documents to the chosen store, which is created if the key has none. Returns whether all of them can be searched. */
  async add(files: readonly File[]): Promise<boolean> {
    if (files.length === 0) return false;
    const unread: string[] = [];
    let added = false;
    await this.#work(async () => {
      const store = await this.#store();
      for (const [index, file] of files.entries()) {
        this.#say(`Reading ${file.name}${files.length === 1 ? '' : `, ${index + 1} of ${files.length}`} …`);
        const problem = await this.#addOne(store, file);
        if (problem !== undefined) unread.push(problem);
        await this.#showKept();
      }
      if (unread.length < files.length && this.#dial.value === undefined) this.#dial = this.#newDial(STARTING_TOKENS);
      this.#options.onChange();
      if (unread.length > 0) {
        const others = files.length - unread.length;
        throw new Error([...unread, ...(others === 0 ? [] : [`The others can be searched: ${others}.`])].join(' '));
      }
      this.#say(`${files.length === 1 ? files[0]?.name : `${files.length} documents`} can be searched.`);
      added = true;
    });
    return added;
  }

  /** Returns why a document cannot be searched, if so. Such a document is not kept. */
  async #addOne(store: string, file: File): Promise<string | undefined> {
    try {
      const id = await this.#api.add(store, file);
      const { last_error: failure } = await this.#api.whenRead(store, id);
      if (failure === null) return undefined;
      await this.#api.remove(id);
      return failure.message;
    } catch (error) {
      return `${file.name}: ${messageOf(error)}`;
    }
  }

  async #addSample(): Promise<void> {
    const has = [...this.#kept.querySelectorAll('.filename')].some(({ textContent }) => textContent === SAMPLE.name);
    const file = new File([SAMPLE.text], SAMPLE.name, { type: 'text/markdown' });
    if (!has && !(await this.add([file]))) return;
    this.#options.ask(SAMPLE.question, SAMPLE.model);
    this.#say(`${SAMPLE.name} can be searched. Press Think; then set the passages to 0, and compare.`);
  }

  /** The chosen store. If the key has none, a new one. */
  async #store(): Promise<string> {
    if (this.#stores.value === '') await this.#showStores();
    if (this.#stores.value === '') {
      await this.#api.createStore(STORE_NAME);
      await this.#showStores();
    }
    return this.#stores.value;
  }

  async #showStores(): Promise<void> {
    const stores = await this.#api.stores();
    const chosen = stores.some(({ id }) => id === this.#stores.value) ? this.#stores.value : firstOf(stores);
    this.#stores.replaceChildren(
      ...stores.map(({ id, name }) => element('option', { value: id }, name === '' ? id : name)),
    );
    this.#stores.value = chosen;
    byId('store-choice', HTMLElement).hidden = stores.length === 0;
    await this.#showKept();
    this.#options.onChange();
  }

  async #showKept(): Promise<void> {
    const store = this.#stores.value;
    const documents = store === '' ? [] : await this.#api.documents(store);
    if (store === this.#stores.value) this.#kept.replaceChildren(...documents.map((document) => this.#row(document)));
  }

  #row({ id, filename, status, last_error: failure }: StoredDocument): HTMLElement {
    const remove = element('button', { type: 'button', className: 'quiet' }, 'Remove');
    remove.setAttribute('aria-label', `Remove ${filename}`);
    remove.addEventListener('click', () => {
      void this.#work(async () => {
        await this.#api.remove(id);
        await this.#showKept();
        this.#found.replaceChildren();
        this.#say(`${filename} is removed.`);
        byId('find', HTMLButtonElement).focus();
      });
    });
    const state = failure?.message ?? (status === 'in_progress' ? 'being read' : '');
    return element(
      'li',
      {},
      element('span', { className: 'filename' }, filename),
      element('span', { className: 'hint' }, state),
      remove,
    );
  }

  async #find(): Promise<void> {
    const question = this.#options.question();
    const store = this.#stores.value;
    if (question.trim() === '') throw new Error('The question is empty. Write what the documents should answer.');
    if (store === '') throw new Error('There are no documents yet. Drop some on the page.');
    const found = await this.#api.search(store, question.slice(0, MAX_QUERY), SHOWN_PASSAGES);
    this.#found.replaceChildren(
      passageList(
        'Passages found',
        found.map((passage) => ({
          ...{ filename: passage.filename, score: passage.score },
          text: async () => textOf(passage),
        })),
      ),
    );
    this.#say(
      found.length === 0
        ? 'No passage has a word of the question.'
        : found.length === 1
          ? 'One passage.'
          : `${found.length} passages, best first.`,
    );
  }

  #newDial(value: number | undefined): Dial {
    const dial = new Dial('Tokens', {
      ...{ id: 'passages', max: MAX_TOKENS, value },
      words: { unset: 'no documents are read', zero: 'no documents are read', full: 'as many tokens as the dial has' },
      onChange: this.#options.onChange,
    });
    const when = element(
      'div',
      { className: 'dial' },
      element('label', { htmlFor: this.#when.id }, 'When'),
      this.#when,
    );
    byId('passage-dials', HTMLElement).replaceChildren(
      element('fieldset', {}, element('legend', {}, 'Document budget'), dial.row, when),
    );
    return dial;
  }

  /** Takes files that are dropped anywhere on the page. */
  #takeDrops(): void {
    const hasFiles = (event: DragEvent) => !this.#panel.hidden && event.dataTransfer?.types.includes('Files') === true;
    document.addEventListener('dragover', (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.#panel.open = true;
      this.#drop.classList.add('over');
    });
    const leave = () => this.#drop.classList.remove('over');
    document.addEventListener('dragleave', leave);
    document.addEventListener('drop', (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      leave();
      void this.add([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** Does something with the API, after all that was begun before. What goes wrong is shown. */
  async #work(action: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(action).catch((error: unknown) => {
      this.#status.className = 'error';
      this.#status.textContent = messageOf(error);
    });
    await this.#last;
  }

  #say(text: string): void {
    this.#status.className = 'note';
    this.#status.textContent = text;
  }
}

/** The store of `budgetforce docs`, or else the newest one. */
function firstOf(stores: readonly Store[]): string {
  return (stores.find(({ name }) => name === STORE_NAME) ?? stores[0])?.id ?? '';
}

function textOf({ content }: FoundPassage): string {
  return content.map(({ text }) => text).join('\n');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
