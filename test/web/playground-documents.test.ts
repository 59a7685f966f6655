import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { decode, IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import { documentWorld, textFile } from '../lambda/retrieval/document-world.ts';
import { axeFindings } from './axe-findings.ts';
import { chromiumPath } from './browser.ts';
import { chromiumPages, errorsOf } from './chromium-pages.ts';

const COINS = '# Coins\n\nA florn is 17 coins.\n';
const script = [
  { says: '\nI read.', ends: IM_START },
  { says: '\nA florn is 17 coins [1].', ends: IM_END },
] as const;

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true });
const status = async (page: Page) => await page.textContent('#documents-status');
const markdown = (name: string, text: string) => ({ name, mimeType: 'text/markdown', buffer: Buffer.from(text) });

/** Drops files on the page, as a reader does. */
async function drop(page: Page, files: Readonly<Record<string, string>>): Promise<void> {
  await page.evaluate(`
    const dataTransfer = new DataTransfer();
    for (const [name, text] of Object.entries(${JSON.stringify(files)})) dataTransfer.items.add(new File([text], name));
    for (const type of ['dragover', 'drop'])
      document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
  `);
}

describe.skipIf(chromiumPath === undefined)('Documents on the playground', () => {
  const { open: openScripted, serve, newPage, shoot } = chromiumPages();

  async function open(look: Parameters<typeof newPage>[0] = {}) {
    const world = await documentWorld({ script });
    const url = await serve(world.app.fetch);
    const page = await newPage({ viewport: { width: 1_280, height: 800 }, ...look });
    const errors = errorsOf(page);
    await page.goto(url);
    await page.fill('#key', world.one.key);
    await page.keyboard.press('Tab');
    await page.waitForSelector('#documents:not([hidden])');
    return { ...world, url, page, errors };
  }

  it('are not there if the API keeps none', async () => {
    const { page } = await openScripted([]);
    await page.waitForSelector('#a-max');
    expect(await page.isVisible('#documents')).toBe(false);
    await drop(page, { 'coins.md': COINS });
    expect(await page.isVisible('#documents')).toBe(false);
  });

  it('are dropped, found with a score, read within the budget, cited and removed', async () => {
    const { page, errors, client, model } = await open();
    await drop(page, { 'coins.md': COINS, 'seas.txt': 'The Tel sea is 40 miles wide.' });
    await expect.poll(() => status(page)).toBe('2 documents can be searched.');
    expect((await page.locator('#kept .filename').allTextContents()).toSorted()).toEqual(['coins.md', 'seas.txt']);
    const [store] = (await client.vectorStores.list()).data;
    expect(store).toMatchObject({ name: 'documents', file_counts: { completed: 2 } });

    await page.fill('#prompt', 'What is a florn worth?');
    await button(page, 'Find passages for the question').click();
    const found = page.getByRole('list', { name: 'Passages found' });
    await found.locator('summary').first().click();
    await expect.poll(() => found.locator('.passage-text').first().textContent()).toContain('A florn is 17 coins.');
    expect(await found.locator('summary').first().textContent()).toMatch(/^\[1\]coins\.mdscore 0\.\d\d$/);

    // The dial of passages begins at a budget once there are documents.
    expect(await page.inputValue('#passages')).toBe('1000');
    await page.fill('#passages', '200');
    await page.click('#show');
    expect(await page.textContent('#code')).toContain(`"retrieval":{"stores":["${store?.id}"],"max_tokens":200}`);
    await page.click('#run');
    await page.waitForSelector('dl dd');
    expect(decode(model.requests[0]?.promptIds ?? [])).toContain('| A florn is 17 coins.');
    const read = page.getByRole('list', { name: 'Passages', exact: true });
    expect(await read.locator('summary').allTextContents()).toEqual([
      expect.stringMatching(/^\[1\]coins\.mdcitedscore 0\.\d\d · \d+ tokens$/),
      ...((await read.locator('summary').count()) > 1 ? [expect.stringMatching(/^\[2\]seas\.txtscore/)] : []),
    ]);
    await read.locator('summary').first().click();
    await expect.poll(() => read.locator('.passage-text').first().textContent()).toContain('A florn is 17 coins.');
    expect(await page.textContent('dl')).toMatch(/passages\d+ tokens/);
    await shoot(page, 'documents');

    await button(page, 'Remove coins.md').click();
    await expect.poll(() => status(page)).toBe('coins.md is removed.');
    expect((await client.files.list()).data.map(({ filename }) => filename)).toEqual(['seas.txt']);
    await page.fill('#passages', '0');
    expect(await page.textContent('#code')).not.toContain('retrieval');
    expect(errors).toEqual([]);
  });

  it('that cannot be read are named with the reason and not kept; the others are', async () => {
    const { page, client } = await open();
    await page.click('#documents summary');
    await page.setInputFiles('#files', [
      { name: 'broken.pdf', mimeType: 'application/pdf', buffer: Buffer.from('no PDF') },
      markdown('coins.md', COINS),
    ]);
    await expect
      .poll(() => status(page), { timeout: 20_000 })
      .toMatch(/^broken\.pdf cannot be read .*\. The others can be searched: 1\.$/);
    expect(await page.getAttribute('#documents-status', 'class')).toBe('error');
    expect(await page.locator('#kept .filename').allTextContents()).toEqual(['coins.md']);
    expect((await client.files.list()).data.map(({ filename }) => filename)).toEqual(['coins.md']);
  });

  it('of the store that is chosen are shown, found and read; a store made since is there after a reload', async () => {
    const { page, client } = await open();
    for (const [name, text] of Object.entries({ seas: 'The Tel sea is wide.', coins: COINS })) {
      const file = await client.files.create({ file: textFile(`${name}.md`, text), purpose: 'assistants' });
      const { id } = await client.vectorStores.create({ name, file_ids: [file.id] });
      await client.vectorStores.files.poll(id, file.id);
    }
    await page.reload();
    await page.waitForSelector('#documents:not([hidden])');
    await page.click('#documents summary');
    await expect.poll(() => page.locator('#store option').allTextContents()).toEqual(['coins', 'seas']);
    for (const name of ['seas', 'coins']) {
      await page.selectOption('#store', { label: name });
      await expect.poll(() => page.locator('#kept .filename').allTextContents()).toEqual([`${name}.md`]);
    }
    await page.fill('#prompt', 'florn');
    await button(page, 'Find passages for the question').click();
    await expect.poll(() => page.locator('#found .filename').allTextContents()).toEqual(['coins.md']);
  });

  it('an example document and its question are one click; both budgets are in the link', async () => {
    const { page, errors } = await open({ viewport: { width: 360, height: 800 } });
    await page.click('#documents summary');
    await button(page, 'Try an example document').click();
    await expect.poll(() => page.inputValue('#prompt')).toContain('Pel library');
    expect(await page.locator('#kept .filename').allTextContents()).toEqual(['pel-library.md']);
    await button(page, 'Try an example document').click();
    await expect.poll(() => status(page)).toContain('Press Think');
    expect(await page.locator('#kept .filename').allTextContents()).toEqual(['pel-library.md']);
    await page.fill('#passages', '300');
    await page.selectOption('#passages-when', 'unsure');
    await page.fill('#a-max', '50');
    await page.click('#link');
    await button(page, 'Find passages for the question').click();
    await page.waitForSelector('#found li');
    expect(await axeFindings(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await shoot(page, 'documents-360');
    await page.reload();
    await page.waitForSelector('#documents[open]');
    expect([
      await page.inputValue('#passages'),
      await page.inputValue('#passages-when'),
      await page.inputValue('#a-max'),
    ]).toEqual(['300', 'unsure', '50']);
    expect(errors).toEqual([]);
  });
});
