import { element } from './element.ts';

/** The line that says what became of feedback. */
export class FeedbackStatus {
  readonly line = element('p', { className: 'note' });

  constructor() {
    this.line.setAttribute('role', 'status');
  }

  /** Shows `done` if feedback was stored, or else the API's message. Returns whether it was stored. */
  async show(given: Promise<void>, done: string): Promise<boolean> {
    this.#say('note', 'Sending …');
    try {
      await given;
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
      return false;
    }
    this.#say('note', done);
    return true;
  }

  fail(message: string): void {
    this.#say('error', message);
  }

  #say(className: 'note' | 'error', text: string): void {
    this.line.className = className;
    this.line.textContent = text;
  }
}
