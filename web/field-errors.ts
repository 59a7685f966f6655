import { element } from './element.ts';
import { OPTIONS } from './options.ts';

/** Controls of the budgets, by the field of the request. `SIDE` stands for the id of the box. */
const BUDGET_CONTROLS: Readonly<Record<string, string>> = {
  'thinking.max_tokens': 'SIDE-max',
  'thinking.min_tokens': 'SIDE-min',
  'thinking.waits': 'SIDE-waits',
  reasoning_effort: 'SIDE-effort',
  model: 'model',
  messages: 'prompt',
};

/** Shows an error of the API beside the control whose value caused it. */
export function showFieldError(param: string, side: string, message: string): void {
  const option = OPTIONS.find(({ path }) => path?.join('.') === param);
  const control = document.getElementById(option?.id ?? BUDGET_CONTROLS[param]?.replace('SIDE', side) ?? '');
  if (control === null) return;
  control.closest('details')?.setAttribute('open', '');
  control.setAttribute('aria-invalid', 'true');
  const note = element('span', { className: 'error field-error', id: `${control.id}-error` }, message);
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
