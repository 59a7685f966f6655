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
    await page.click('summary');
    await page.fill('#unsure-below', '0.5');
    await page.click('summary');
    await page.click('#run');
    await expect.poll(() => page.locator('#unsure-below-error').isVisible()).toBe(true);
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
