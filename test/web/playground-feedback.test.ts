import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { type FeedbackWorld, feedbackWorld, TODAY } from '../lambda/feedback/feedback-world.ts';
import { axeFindings } from './axe-findings.ts';
import { chromiumPath } from './browser.ts';
import { chromiumPages, errorsOf } from './chromium-pages.ts';

interface OpenOptions {
  readonly world?: Parameters<typeof feedbackWorld>[0];
  /** @default the key that consents */
  readonly keyOf?: (world: FeedbackWorld) => string;
  /** Called before the app gets a POST, with the number of POSTs to its path so far. */
  readonly before?: (path: string, count: number) => Promise<void>;
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
}

/** All feedback that the app has, with its texts. */
async function given({ store }: FeedbackWorld) {
  const found = [];
  for await (const feedback of store.feedback([TODAY])) {
    const { metric, value, budget } = feedback;
    found.push({ metric, value, max: budget.max_tokens, ...(await store.texts(feedback)) });
  }
  return found;
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const status = async (page: Page) => await page.textContent('.feedback [role=status]');
const offer = '.feedback';
const FEEDBACK = '/v1/feedback';

async function run(page: Page): Promise<void> {
  await page.click('#run');
  await page.waitForSelector('dl dd');
}

/** Runs the question at maxima of 10 and 20 thinking tokens. */
async function runBoth(page: Page): Promise<void> {
  await page.check('#compare');
  await page.fill('#a-max', '10');
  await page.fill('#b-max', '20');
  await page.fill('#b-waits', '');
  await page.click('#run');
  await expect.poll(() => page.locator('.run dl dd').count()).toBeGreaterThan(10);
}

describe.skipIf(chromiumPath === undefined)('Feedback on the playground', () => {
  const { serve, newPage, shoot } = chromiumPages();

  /** Opens the page with a key in it. */
  async function open({ world: options, keyOf, before = async () => {}, ...look }: OpenOptions = {}) {
    const world = await feedbackWorld(options);
    const posts: { readonly path: string; readonly authorization: string | null }[] = [];
    const url = await serve(async (request) => {
      if (request.method === 'POST') {
        const path = new URL(request.url).pathname;
        posts.push({ path, authorization: request.headers.get('authorization') });
        await before(path, posts.filter((post) => post.path === path).length);
      }
      return await world.app.fetch(request);
    });
    const page = await newPage({ viewport: { width: 1_280, height: 800 }, ...look });
    const errors = errorsOf(page);
    await page.goto(url);
    await page.fill('#key', keyOf?.(world) ?? world.consents.key);
    await page.keyboard.press('Tab');
    await page.waitForSelector('#a-max');
    return { world, page, errors, posts };
  }

  it('takes a thumb, and the other one instead of it', async () => {
    const { world, page, errors } = await open();
    await run(page);
    expect(await page.textContent(offer)).toContain('This answer is stored');
    await button(page, 'Good').click();
    await expect.poll(() => status(page)).toBe('Stored: a good answer.');
    await expect.poll(() => button(page, 'Good').getAttribute('aria-pressed')).toBe('true');
    expect(await given(world)).toMatchObject([{ metric: 'thumbs', value: true }]);
    await button(page, 'Bad').click();
    await expect.poll(() => status(page)).toBe('Stored: a bad answer.');
    await expect.poll(() => button(page, 'Good').getAttribute('aria-pressed')).toBe('false');
    await expect.poll(() => button(page, 'Bad').getAttribute('aria-pressed')).toBe('true');
    expect(await given(world)).toMatchObject([{ metric: 'thumbs', value: false }]);
    expect(errors).toEqual([]);
  });

  it('keeps the last of several thumbs, even if the request of the first one is slow', async () => {
    const slow = Promise.withResolvers<void>();
    const { world, page } = await open({
      before: async (path, count) => {
        if (path === FEEDBACK && count === 1) await slow.promise;
      },
    });
    await run(page);
    for (const name of ['Good', 'Bad', 'Good', 'Bad']) await button(page, name).click();
    expect(await status(page)).toBe('Sending …');
    // Requests that the page has sent by now are at the server.
    await page.evaluate("fetch('healthz').then((response) => response.text())");
    slow.resolve();
    await expect.poll(() => status(page)).toBe('Stored: a bad answer.');
    // The button follows the status.
    await expect.poll(() => button(page, 'Bad').getAttribute('aria-pressed')).toBe('true');
    expect(await given(world)).toMatchObject([{ metric: 'thumbs', value: false }]);
  });

  it('takes a corrected answer, which begins with the answer, and another one instead of it', async () => {
    const { world, page, errors } = await open();
    await run(page);
    await button(page, 'Correct it').click();
    const field = page.getByLabel('The answer as it should have been');
    expect(await field.inputValue()).toBe('Two.');
    await button(page, 'Send the correction').click();
    expect(await status(page)).toBe('The correction is the answer itself. Change it to what it should have been.');
    await field.fill('  \n ');
    await button(page, 'Send the correction').click();
    expect(await status(page)).toBe('The correction is empty. Write the answer as it should have been.');
    expect(await given(world)).toEqual([]);
    const corrected = 'Two: <b>1 + 1</b> = "2"\n</script><|im_end|> ü';
    await field.fill(corrected);
    await button(page, 'Send the correction').click();
    await expect.poll(() => status(page)).toBe('Stored: your correction.');
    expect(await field.isVisible()).toBe(false);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Correct it');
    expect(await given(world)).toMatchObject([{ metric: 'correction', correction: corrected }]);
    await button(page, 'Correct it').click();
    expect(await field.inputValue()).toBe(corrected);
    await field.fill('2');
    await button(page, 'Send the correction').click();
    await expect.poll(async () => (await given(world)).map(({ correction }) => correction)).toEqual(['2']);
    expect(errors).toEqual([]);
  });

  it("keeps a correction that the API refuses in its field, with the API's message", async () => {
    const { world, page } = await open();
    await run(page);
    await button(page, 'Correct it').click();
    const field = page.getByLabel('The answer as it should have been');
    await field.fill('x'.repeat(20_000));
    await button(page, 'Send the correction').click();
    await expect.poll(() => status(page)).toMatch(/^The feedback has 20\d+ bytes\. The maximum is 16384/);
    expect(await field.inputValue()).toHaveLength(20_000);
    expect(await given(world)).toEqual([]);
  });

  it.each([
    ['First budget', 10, 20],
    ['Second budget', 20, 10],
  ])('asks which of two answers is better, and takes %s once', async (name, better, other) => {
    const { world, page, errors } = await open();
    await runBoth(page);
    expect(await page.locator('.run .feedback').count()).toBe(2);
    const choice = page.getByRole('region', { name: 'Which of the two is better?' });
    await choice.getByRole('button', { name }).click();
    await expect.poll(() => choice.getByRole('status').textContent()).toBe(`Stored: better is ${name}.`);
    for (const chosen of await choice.getByRole('button').all()) await chosen.click({ force: true });
    await expect.poll(() => choice.getByRole('button', { name }).getAttribute('aria-pressed')).toBe('true');
    const [stored, ...more] = await given(world);
    expect(more).toEqual([]);
    expect(stored).toMatchObject({ metric: 'preferred', max: better });
    const { over } = Object(stored?.value);
    expect((await world.store.content(world.consents.record.id, over))?.budget.max_tokens).toBe(other);
    expect(errors).toEqual([]);
  });

  it('judges each of two answers by itself', async () => {
    const { world, page } = await open();
    await runBoth(page);
    await page.getByRole('group', { name: 'Feedback on the answer: First budget' }).getByText('Good').click();
    await page.getByRole('group', { name: 'Feedback on the answer: Second budget' }).getByText('Bad').click();
    await expect
      .poll(async () => (await given(world)).map(({ max, value }) => [max, value]).toSorted())
      .toEqual([
        [10, true],
        [20, false],
      ]);
  });

  it('offers the choice again if it could not be stored', async () => {
    const { world, page } = await open({
      before: async (path, count) => {
        if (path === FEEDBACK && count === 1) throw new Error('broken');
      },
    });
    await runBoth(page);
    const choice = page.getByRole('region', { name: 'Which of the two is better?' });
    await choice.getByRole('button', { name: 'First budget' }).click();
    await expect.poll(() => choice.getByRole('status').textContent()).toBe('The API answered 500.');
    expect(await given(world)).toEqual([]);
    await choice.getByRole('button', { name: 'Second budget' }).click();
    await expect.poll(() => choice.getByRole('status').textContent()).toBe('Stored: better is Second budget.');
    expect(await given(world)).toMatchObject([{ metric: 'preferred', max: 20 }]);
  });

  it('says so if the answer was deleted meanwhile, or if the API cannot be reached', async () => {
    const { world, page } = await open();
    await run(page);
    await world.store.deleteAll({ key: world.consents.record.id });
    await button(page, 'Good').click();
    await expect.poll(() => status(page)).toMatch(/^No stored response of this key has the id "chatcmpl-/);
    await expect.poll(() => button(page, 'Good').getAttribute('aria-pressed')).toBe('false');
    await page.context().setOffline(true);
    await button(page, 'Bad').click();
    await expect.poll(() => status(page)).toMatch(/^The API cannot be reached: /);
    await page.context().setOffline(false);
  });

  it('sends feedback with the key of the request, whatever the field had later', async () => {
    const slow = Promise.withResolvers<void>();
    const { world, page, posts } = await open({
      before: async (path) => {
        if (path.endsWith('/completions')) await slow.promise;
      },
    });
    await page.click('#run');
    await page.fill('#key', world.other.key);
    slow.resolve();
    await button(page, 'Good').click();
    await expect.poll(() => status(page)).toBe('Stored: a good answer.');
    expect(posts.at(-1)).toEqual({ path: FEEDBACK, authorization: `Bearer ${world.consents.key}` });
  });

  it.each<readonly [string, OpenOptions]>([
    ['the key does not consent', { keyOf: ({ refuses }) => refuses.key }],
    ['the key is the admin key', { keyOf: () => 'admin' }],
    ['the deployment stores nothing', { world: { days: 0 } }],
  ])('asks nothing if %s', async (_, options) => {
    const { page } = await open(options);
    await run(page);
    expect(await page.locator(offer).count()).toBe(0);
    await runBoth(page);
    expect(await page.locator(offer).count()).toBe(0);
  });

  it('asks nothing about an answer that failed or was stopped', async () => {
    const { page } = await open({
      world: {
        script: [
          { says: 'half', fails: new Error('broken') },
          { says: 'x', hangs: true },
        ],
        changes: { keepAliveMs: 50 },
      },
    });
    await page.click('#run');
    await page.waitForSelector('.run .error:not(:empty)');
    expect(await page.locator(offer).count()).toBe(0);
    await page.click('#run');
    await expect.poll(() => page.textContent('.thinking')).toContain('x');
    await page.click('#stop');
    await expect.poll(() => page.textContent('.run [role=status]')).toBe('Stopped.');
    expect(await page.locator(offer).count()).toBe(0);
  });

  it('asks nothing more once the reader goes on from one of two answers, even if the other one still runs', async () => {
    const slow = Promise.withResolvers<void>();
    const { page } = await open({
      before: async (path, count) => {
        if (path.endsWith('/completions') && count === 2) await slow.promise;
      },
    });
    await page.check('#compare');
    await page.click('#run');
    await button(page, 'Keep and ask more').click();
    expect(await page.locator('#stop').isVisible()).toBe(true);
    slow.resolve();
    await expect.poll(() => page.locator('#stop').isVisible()).toBe(false);
    expect(await page.locator(offer).count()).toBe(0);
  });

  it('works by keyboard alone', async () => {
    const { world, page } = await open();
    await run(page);
    await button(page, 'Good').focus();
    await page.keyboard.press('Space');
    await expect.poll(() => status(page)).toBe('Stored: a good answer.');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.type('2, or ');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect.poll(() => status(page)).toBe('Stored: your correction.');
    expect((await given(world)).map(({ metric }) => metric)).toEqual(['correction', 'thumbs']);
  });

  it.each([360, 768, 1_280].flatMap((width) => (['light', 'dark'] as const).map((scheme) => [width, scheme] as const)))(
    'is accessible and fits a width of %i, in %s',
    async (width, colorScheme) => {
      const { page } = await open({ viewport: { width, height: 800 }, colorScheme });
      await runBoth(page);
      await button(page, 'Good').first().click();
      await expect.poll(() => status(page)).toBe('Stored: a good answer.');
      await button(page, 'Correct it').last().click();
      const choice = page.getByRole('region', { name: 'Which of the two is better?' });
      await choice.getByRole('button', { name: 'First budget' }).click();
      await expect.poll(() => choice.getByRole('status').textContent()).toBe('Stored: better is First budget.');
      expect(await axeFindings(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      await shoot(page, `feedback-${width}-${colorScheme}`);
    },
  );
});
