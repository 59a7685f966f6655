const SHOWN_MS = 2_000;

/**
 * Copies a text and says so on the button, for two seconds.
 *
 * @param otherwise what the button says if the browser does not allow it, as on a page without HTTPS
 */
export async function copyText(button: HTMLButtonElement, text: string, otherwise: string): Promise<void> {
  button.dataset['label'] ??= button.textContent ?? '';
  button.textContent = (await isCopied(text)) ? 'Copied' : otherwise;
  setTimeout(() => {
    button.textContent = button.dataset['label'] ?? '';
  }, SHOWN_MS);
}

async function isCopied(text: string): Promise<boolean> {
  try {
    // Without HTTPS the browser has no clipboard, whatever its type says.
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
