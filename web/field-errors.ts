import { element } from './element.ts';
import { OPTIONS } from './options.ts';

/** Controls by the field of the request, beside those of the options. `SIDE` stands for the id of the box. */
const CONTROLS: Readonly<Record<string, string>> = {
  'thinking.max_tokens': 'SIDE-max',
  'thinking.min_tokens': 'SIDE-min',
  'thinking.waits': 'SIDE-waits',
  reasoning_effort: 'SIDE-effort',
  model: 'model',
  messages: 'prompt',
  vote: 'samples',
  vote_until: 'lead',
  'retrieval.stores': 'store',
  'retrieval.when': 'passages-when',
  'retrieval.query': 'prompt',
  retrieval: 'passages',
};

/** Id of the control that sets a field, or a field around it: `messages` for `messages[1].content`. */
function controlId(param: string, side: string): string | undefined {
  const option = OPTIONS.find(({ path }) => path?.join('.') === param);
  const id = option?.id ?? CONTROLS[param]?.replace('SIDE', side);
  if (id !== undefined) return id;
  const around = /^(.+)[.[]/.exec(param)?.[1];
  return around === undefined ? undefined : controlId(around, side);
}

/** Shows an error of the API beside the control whose value caused it. */
export function showFieldError(param: string, side: string, message: string): void {
  const control = document.getElementById(controlId(param, side) ?? '');
  if (control === null) return;
  const noteId = `${control.id}-error`;
  const before = document.getElementById(noteId);
  if (before !== null) {
    // Both runs of a comparison share the control of an option.
    if (before.textContent !== message) before.append(` ${message}`);
    return;
  }
  control.closest('details')?.setAttribute('open', '');
  control.setAttribute('aria-invalid', 'true');
  const note = element('span', { className: 'error field-error', id: noteId }, message);
  const described = control.getAttribute('aria-describedby');
  control.setAttribute('aria-describedby', described === null ? note.id : `${described} ${note.id}`);
  (control.closest('.dial, label') ?? control).after(note);
  control.scrollIntoView({ block: 'nearest' });
}

/** Removes the errors of the last run. */
export function clearFieldErrors(): void {
  for (const note of document.querySelectorAll('.field-error')) note.remove();
  for (const control of document.querySelectorAll('[aria-invalid]')) {
    control.removeAttribute('aria-invalid');
    const described = control.getAttribute('aria-describedby')?.replace(/ ?\S+-error$/, '') ?? '';
    if (described === '') control.removeAttribute('aria-describedby');
    else control.setAttribute('aria-describedby', described);
  }
}
