import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoRoute, smallModel } from '../../local/further-models.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';
import { axeFindings } from './axe-findings.ts';
import { chromiumPath } from './browser.ts';
import { chromiumPages } from './chromium-pages.ts';

describe.skipIf(chromiumPath === undefined)('The playground over the embedded models', () => {
  const { newPage, shoot } = chromiumPages();
  let server: LocalServer;
  beforeAll(async () => {
    server = await startLocal({ port: 0, host: '127.0.0.1', furtherModels: [smallModel], routes: [autoRoute] });
  }, 60_000);
  afterAll(async () => await server.close());

  async function open() {
    const page = await newPage({ viewport: { width: 1_280, height: 800 } });
    await page.goto(server.url);
    await page.waitForSelector('#a-max');
    await page.fill('#prompt', 'What is 37 + 58 - 21 + 44?');
    await page.click('text=More options');
    await page.fill('#temperature', '0');
    return page;
  }

  /** What axe finds, in light and in dark. */
  async function accessible(page: Page): Promise<readonly string[]> {
    const light = await axeFindings(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    return [...light, ...(await axeFindings(page))];
  }

  it('draws the probability of each token, and shows skipped Waits', async () => {
    const page = await open();
    await page.check('#confidence');
    await page.fill('#a-waits', '1');
    await page.selectOption('#wait-when', 'unsure');
    await page.fill('#unsure-below', '0.01');
    await page.click('#run');
    await page.waitForSelector('dl dd');
    expect(await page.getAttribute('.curve svg', 'aria-label')).toMatch(
      /^Probability of each token; the lowest is [01]\.\d\d, at token \d+$/,
    );
    const path = (await page.getAttribute('.curve path', 'd')) ?? '';
    const thinking = Number(/thinking(\d+) tokens/.exec((await page.textContent('dl')) ?? '')?.[1]);
    expect(path.match(/[ML]/g)).toHaveLength(thinking);
    expect(await page.textContent('dl')).toMatch(/Waits0, 1 skipped/);
    expect(await page.textContent('dl')).toMatch(/confidence[01]\.\d\d/);
    expect(await page.textContent('figcaption')).toMatch(/Wait skipped, sure \([01]\.\d\d\) at \d+/);
    expect(await page.locator('.bar .wait_skipped').count()).toBe(1);
    await shoot(page, 'confidence', false);
    expect(await accessible(page)).toEqual([]);
  });

  it('shows probes', async () => {
    const page = await open();
    await page.selectOption('#stop-when', 'sure');
    await page.fill('#sure-above', '1');
    await page.fill('#prompt', '16 + 98 - 50 - 45 + 42 - 54 = ?');
    await page.click('#run');
    await page.waitForSelector('dl dd');
    expect(await page.textContent('dl')).toMatch(/probes\d+, \d+ tokens/);
    expect(await page.locator('.bar .probe').count()).toBeGreaterThan(0);
  });

  it('shows votes as they come in, and how they were decided', async () => {
    const page = await open();
    await page.fill('#temperature', '1');
    await page.fill('#samples', '6');
    await page.fill('#lead', '2');
    const seen: string[] = [];
    await page.exposeFunction('seen', (text: string) => seen.push(text));
    await page.evaluate(`new MutationObserver(() => window.seen(document.querySelector('.vote .hint')?.textContent ?? ''))
      .observe(document.querySelector('#runs'), { childList: true, subtree: true, characterData: true })`);
    await page.click('#run');
    await page.waitForSelector('dl dd');
    expect(seen).toContain('2 of 6 samples have voted');
    expect(await page.textContent('.vote .hint')).toMatch(/^Decided after \d of 6: /);
    const votes = await page.locator('.vote li b').allTextContents();
    expect(votes.map(Number).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(1);
    await shoot(page, 'votes', false);
    expect(await accessible(page)).toEqual([]);
  });

  it('shows who answered a request to a route', async () => {
    const page = await open();
    await page.selectOption('#model', 'auto');
    await page.fill(
      '#prompt',
      'Start with 82, plus 30, add 18, then subtract 8, plus 18, take away 5, then subtract 26, minus 11, then add 43',
    );
    await page.click('#run');
    await page.waitForSelector('dl dd');
    const lines = await page.locator('.attempts li').allTextContents();
    expect(lines[0]).toMatch(/^budgetforce-tiny asked first, \d+ tokens, confidence [01]\.\d\d/);
    expect(lines[1]).toMatch(
      /^budgetforce-small asked since the one before was unsure, \d+ tokens.*, its answer went out$/,
    );
    expect(lines).toHaveLength(2);
    expect(lines[0]).not.toContain('went out');
    await shoot(page, 'route', false);
    expect(await accessible(page)).toEqual([]);
  });

  it('runs several times at several budgets, and draws answers and accuracy against thinking', async () => {
    const page = await open();
    await page.fill('#temperature', '1');
    await page.click('text=Run several times');
    await page.fill('#sweep-budgets', '0, 24, none, 1 wait');
    await page.fill('#sweep-times', '4');
    await page.fill('#sweep-expected', '118');
    await page.click('#sweep-run');
    await expect.poll(() => page.textContent('#sweep .hint'), { timeout: 30_000 }).toBe('16 of 16 answers');
    const rows = await page.locator('#sweep tbody tr').allTextContents();
    expect(rows.map((row) => /^(?:0|24|none|1 wait)4/.test(row))).toEqual([true, true, true, true]);
    expect(await page.locator('#sweep .dot').count()).toBe(16);
    expect(await page.locator('#sweep .point').count()).toBe(4);
    const right = rows.map((row) => Number(/(\d) of 4/.exec(row)?.[1]));
    expect(await page.locator('#sweep .dot.right').count()).toBe(right.reduce((sum, count) => sum + count, 0));
    await shoot(page, 'sweep');
    expect(await accessible(page)).toEqual([]);
    // The name of the axis is inside the picture.
    const outside = await page.locator('#sweep svg').evaluateAll(
      (charts) =>
        charts.flatMap((chart) => {
          const frame = chart.getBoundingClientRect();
          return [...chart.querySelectorAll('text')].filter((text) => {
            const { top, bottom, left, right } = text.getBoundingClientRect();
            return top < frame.top || bottom > frame.bottom || left < frame.left || right > frame.right;
          });
        }).length,
    );
    expect(outside).toBe(0);
    await page.fill('#sweep-budgets', '24, much');
    await page.click('#sweep-run');
    expect(await page.textContent('#sweep-error')).toBe(
      '"much" is not a budget. Write a number of tokens, none, or a number of Waits, such as 2 waits.',
    );
    await page.fill('#sweep-budgets', '24, 1 wait');
    await page.fill('#sweep-times', '60');
    await page.click('#sweep-run');
    await expect.poll(() => page.textContent('#sweep .hint')).toMatch(/^[1-9]\d* of 120/);
    await page.click('#sweep-run');
    await expect.poll(() => page.textContent('#sweep .hint')).toMatch(/^\d+ of 120 answers, stopped$/);
  });
});
