import { copyText } from './copy-text.ts';
import { byId, element } from './element.ts';
import { type ChatBody, type Language, requestCode } from './request-code.ts';

const LANGUAGES: Readonly<Record<Language, string>> = { curl: 'curl', node: 'Node', python: 'Python' };

/** The request of the form as code to paste. */
export class CodePanel {
  readonly #bodies: () => readonly { readonly name: string; readonly body: ChatBody }[];
  readonly #origin: string;
  readonly #needsKey: () => boolean;
  #language: Language = 'curl';
  /** Index of the budget whose request is shown. */
  #side = 0;

  constructor(options: {
    readonly bodies: () => readonly { readonly name: string; readonly body: ChatBody }[];
    readonly origin: string;
    readonly needsKey: () => boolean;
  }) {
    this.#bodies = options.bodies;
    this.#origin = options.origin;
    this.#needsKey = options.needsKey;
    const show = byId('show', HTMLButtonElement);
    const panel = byId('code-panel', HTMLElement);
    show.addEventListener('click', () => {
      panel.hidden = !panel.hidden;
      show.setAttribute('aria-expanded', String(!panel.hidden));
      if (!panel.hidden) panel.scrollIntoView({ block: 'nearest' });
    });
    const copy = byId('copy', HTMLButtonElement);
    copy.addEventListener(
      'click',
      () => void copyText(copy, byId('code', HTMLElement).textContent ?? '', 'Select the text to copy it'),
    );
  }

  /** Shows the request as the form has it now. */
  show(): void {
    const bodies = this.#bodies();
    if (this.#side >= bodies.length) this.#side = 0;
    const shown = bodies[this.#side];
    if (shown === undefined) return;
    const languages = Object.entries(LANGUAGES) as readonly (readonly [Language, string])[];
    byId('languages', HTMLElement).replaceChildren(
      ...languages.map(([id, name]) =>
        this.#tab(name, id === this.#language, () => {
          this.#language = id;
        }),
      ),
    );
    byId('sides', HTMLElement).replaceChildren(
      ...(bodies.length < 2
        ? []
        : bodies.map(({ name }, index) =>
            this.#tab(name, index === this.#side, () => {
              this.#side = index;
            }),
          )),
    );
    byId('code', HTMLElement).textContent = requestCode(shown.body, this.#language, this.#origin, this.#needsKey());
  }

  #tab(text: string, pressed: boolean, choose: () => void): HTMLButtonElement {
    const button = element('button', { type: 'button' }, text);
    button.setAttribute('aria-pressed', String(pressed));
    button.addEventListener('click', () => {
      choose();
      const group = button.parentElement?.id;
      this.show();
      // The buttons were made again: the focus stays on the chosen one.
      for (const made of document.querySelectorAll<HTMLButtonElement>(`#${group} button`))
        if (made.textContent === text) made.focus();
    });
    return button;
  }
}
