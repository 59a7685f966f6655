import { describe, expect, it } from 'vitest';
import { hashKey } from '../../lambda/keys/hash-key.ts';
import { IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import { type ScriptedSegment, scriptedApp } from '../lambda/scripted-world.ts';
import { chromiumPath } from './browser.ts';
import { chromiumPages } from './chromium-pages.ts';

const thinks = (says: string): ScriptedSegment => ({ says, ends: IM_START });
const answers = (says: string): ScriptedSegment => ({ says, ends: IM_END });
const line = 'a step of the thought.\n';

describe.skipIf(chromiumPath === undefined)('The playground at 1280 x 800', () => {
  const { open, serve, newPage, shoot } = chromiumPages();

  it('shows the thought and the answer while they stream', async () => {
    const { page } = await open([thinks(line.repeat(20)), { says: 'The answer', hangs: true }], { keepAliveMs: 50 });
    await page.click('#run');
    await expect.poll(() => page.textContent('.answer')).toContain('The answer');
    for (const part of ['.thinking', '.answer', '#stop']) {
      const box = await page.locator(part).boundingBox();
      expect(box, part).not.toBeNull();
      expect(box?.y, part).toBeGreaterThanOrEqual(0);
      expect((box?.y ?? 0) + (box?.height ?? 0), part).toBeLessThanOrEqual(800);
    }
    // The end of a long thought is in view.
    const scrolled = await page
      .locator('.thinking')
      .evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
    expect(scrolled).toBeLessThan(5);
    await shoot(page, 'streaming', false);
  });

  it('shows the thought and the answer below a conversation, and its last turn', async () => {
    const { page } = await open([thinks('x\n'.repeat(40)), { says: 'The answer', hangs: true }], { keepAliveMs: 50 });
    await page.evaluate(
      `localStorage.setItem('budgetforce-conversation', JSON.stringify(Array.from({ length: 4 }, (_, i) => ({ question: 'q' + i, answer: 'a' }))))`,
    );
    await page.reload();
    await page.waitForSelector('#a-max');
    await page.click('#run');
    await expect.poll(() => page.textContent('.answer'), { timeout: 10_000 }).toContain('The answer');
    for (const part of ['.thinking', '.answer', '#stop', '.turn:last-child']) {
      const box = await page.locator(part).boundingBox();
      expect(box?.y, part).toBeGreaterThanOrEqual(0);
      expect((box?.y ?? 0) + (box?.height ?? 0), part).toBeLessThanOrEqual(800);
    }
    await shoot(page, 'conversation', false);
  });

  it('makes a budget that is not set, zero, and without a limit look different', async () => {
    const { page } = await open([]);
    const looks = async () =>
      await page.locator('.dial', { has: page.locator('#a-max') }).evaluate((row) => {
        const input = row.querySelector('#a-max');
        const style = input === null ? undefined : input.ownerDocument.defaultView?.getComputedStyle(input);
        return {
          text: row.querySelector('.state')?.textContent,
          border: `${style?.borderStyle} ${style?.borderColor}`,
        };
      });
    const unset = await looks();
    await page.fill('#a-max', '0');
    const zero = await looks();
    await page.fill('#a-max', await page.locator('#a-max').getAttribute('max').then(String));
    const full = await looks();
    expect(unset.text).toMatch(/^not set: the default, \d+$/);
    expect(zero.text).toBe('0: no thinking');
    expect(full.text).toMatch(/^\d+: as long as the model may$/);
    expect(new Set([unset.border, zero.border, full.border]).size).toBe(3);
    await page.getByRole('button', { name: 'Unset maximum' }).click();
    expect(await looks()).toEqual(unset);
  });

  it('shows an error beside the control that caused it, and in the run', async () => {
    const { page } = await open([]);
    await page.fill('#a-max', '10');
    await page.fill('#a-min', '20');
    await page.click('#run');
    const message = page.locator('.dial', { has: page.locator('#a-min') }).locator('+ .field-error');
    await expect.poll(() => message.textContent()).toMatch(/min_tokens/);
    expect(await page.getAttribute('#a-min', 'aria-invalid')).toBe('true');
    expect(await page.textContent('.run .error')).toBe(await message.textContent());
    await shoot(page, 'error', false);
    await page.fill('#a-min', '');
    await page.click('#run');
    await expect.poll(() => page.locator('.field-error').count()).toBe(0);
  });

  it('opens the options if one of them caused the error', async () => {
    const { page } = await open([]);
    await page.click('summary:text("More options")');
    await page.fill('#unsure-below', '0.5');
    await page.click('summary:text("More options")');
    await page.click('#run');
    await expect.poll(() => page.locator('#unsure-below-error').isVisible()).toBe(true);
  });

  it.each([
    ['unsure-below', '0.0782'],
    ['sure-above', '0.999'],
    ['risk', '0.0521'],
    ['soft-landing', '0.875'],
    ['temperature', '0.75'],
  ])('takes a value of %s between the steps, such as %s', async (id, value) => {
    const { page } = await open([]);
    await page.click('text=More options');
    await page.fill(`#${id}`, value);
    expect(await page.locator(`#${id}:valid`).count()).toBe(1);
  });

  it.each([
    ['max-completion', '0'],
    ['temperature', '3'],
    ['samples', '1'],
  ])('opens the options if %s, folded away, has the impossible value %s', async (id, value) => {
    const { page, errors, model } = await open([]);
    await page.click('text=More options');
    await page.fill(`#${id}`, value);
    await page.click('text=More options');
    await page.click('#run');
    await expect.poll(() => page.locator(`#${id}`).isVisible()).toBe(true);
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe(id);
    expect(errors).toEqual([]);
    expect(model.requests).toEqual([]);
  });

  it('shows an error of an option once if both budgets of a comparison have it', async () => {
    const { page } = await open([]);
    await page.check('#compare');
    await page.click('text=More options');
    await page.fill('#risk', '0.05');
    await page.fill('#b-waits', '');
    await page.click('#run');
    await expect.poll(() => page.locator('.run .error').count()).toBe(2);
    await expect
      .poll(() => page.locator('.run .error').allTextContents())
      .toEqual([expect.stringContaining('thinking.risk'), expect.stringContaining('thinking.risk')]);
    expect(await page.locator('#risk-error').count()).toBe(1);
  });

  it('shows the error of a field that surrounds the value of a control beside this control', async () => {
    const { page } = await open([]);
    await page.click('text=More options');
    await page.fill('#lead', '2');
    await page.click('#run');
    await expect.poll(() => page.locator('#lead-error').textContent()).toMatch(/^vote_until/);
  });

  it('runs a sweep, and not the question, by Enter in the fields of a sweep', async () => {
    const { page, errors } = await open([answers('1')]);
    await page.waitForSelector('#a-max');
    await page.click('text=Run several times');
    await page.fill('#sweep-times', '1');
    await page.fill('#sweep-budgets', '0');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.textContent('#sweep-status')).toBe('1 of 1 answers');
    expect(await page.locator('.run').count()).toBe(0);
    expect(errors).toEqual([]);
  });

  it('says which field of a sweep is wrong, and runs the question all the same', async () => {
    const { page } = await open([thinks('a'), answers('b')]);
    await page.waitForSelector('#a-max');
    await page.click('text=Run several times');
    await page.fill('#sweep-times', '500');
    await page.click('#sweep-run');
    expect(await page.textContent('#sweep-error')).toBe('Write a number of times from 1 to 100.');
    await page.click('#run');
    await expect.poll(() => page.textContent('.answer')).toBe('b');
  });

  it('asks for a question before a sweep', async () => {
    const { page, model } = await open([]);
    await page.waitForSelector('#a-max');
    await page.fill('#prompt', '');
    await page.click('text=Run several times');
    await page.click('#sweep-run');
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('prompt');
    expect(await page.locator('#sweep').isHidden()).toBe(true);
    expect(model.requests).toEqual([]);
  });

  it('says that the description of the API cannot be loaded', async () => {
    const { app } = scriptedApp([]);
    const url = await serve((request) =>
      request.url.endsWith('openapi.json') ? new Response('', { status: 503 }) : app.fetch(request),
    );
    const page = await newPage();
    await page.goto(`${url}/docs`);
    await expect
      .poll(() => page.textContent('#about'))
      .toBe('The description of the API cannot be loaded: the API answered 503. Reload the page.');
  });

  it('counts what was done when a run is stopped', async () => {
    const { page } = await open([{ says: 'x'.repeat(40), hangs: true }], { keepAliveMs: 50 });
    await page.click('#run');
    await expect.poll(() => page.textContent('.clock')).toContain('40 tokens of thinking');
    await page.click('#stop');
    await expect.poll(() => page.textContent('dl')).toContain('thinking40 tokens');
    expect(await page.textContent('dl')).toContain('answer0 tokens');
  });

  it('fails no request, with a key that is needed as well', async () => {
    const plain = await open([thinks('a'), answers('b')]);
    await plain.page.click('#run');
    await plain.page.waitForSelector('dl dd');
    expect(plain.errors).toEqual([]);
    const keyed = await open([], { keyHashes: async () => [hashKey('secret')] });
    await expect.poll(() => keyed.page.evaluate('document.activeElement.id')).toBe('key');
    expect(keyed.errors).toEqual([]);
    const docs = await open([], {}, { path: '/docs' });
    await docs.page.waitForSelector('.operation');
    expect(docs.errors).toEqual([]);
  });

  it('says that the API cannot be reached', async () => {
    const { app } = scriptedApp([]);
    let refuses = false;
    const url = await serve((request) => (refuses ? new Response('gone', { status: 502 }) : app.fetch(request)));
    const page = await newPage();
    await page.goto(url);
    await page.waitForSelector('#a-max');
    refuses = true;
    await page.click('#run');
    await expect.poll(() => page.textContent('.run .error')).toBe('The API answered 502.');
    await page.reload();
    refuses = false;
  });

  it('shows long paths of the reference in full', async () => {
    const { page } = await open([], {}, { path: '/docs' });
    await page.waitForSelector('#contents a');
    const cut = await page
      .locator('#contents a')
      .evaluateAll(
        (links) =>
          links.filter(
            (link) =>
              link.scrollWidth > link.clientWidth + 1 &&
              link.ownerDocument.defaultView?.getComputedStyle(link).display !== 'inline',
          ).length,
      );
    expect(cut).toBe(0);
    const wide = await page.locator('#contents').evaluate((list) => list.scrollWidth - list.clientWidth);
    expect(wide).toBeLessThanOrEqual(1);
    await shoot(page, 'reference', false);
  });
});
