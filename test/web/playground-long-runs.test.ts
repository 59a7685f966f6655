import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalServer, startLocal } from '../../local/start-local.ts';
import { axeFindings } from './axe-findings.ts';
import { chromiumPath } from './browser.ts';
import { chromiumPages, errorsOf } from './chromium-pages.ts';

const button = (page: Page, name: RegExp) => page.getByRole('button', { name });
const list = async (page: Page) => (await page.textContent('#long-runs-list')) ?? '';
const thought = async (page: Page) => (await page.textContent('.thinking'))?.length ?? 0;

describe.skipIf(chromiumPath === undefined)('Long runs on the playground', () => {
  const { newPage, open: openScripted, shoot } = chromiumPages();
  const folder = mkdtempSync(join(tmpdir(), 'budgetforce-long-runs-'));
  let server: LocalServer;
  beforeAll(async () => {
    server = await startLocal({ port: 0, host: '127.0.0.1', dataFolder: folder });
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(viewport = { width: 1_280, height: 800 }) {
    const page = await newPage({ viewport });
    const errors = errorsOf(page);
    await page.goto(server.url);
    await page.waitForSelector('#background-choice:not([hidden])');
    return { page, errors };
  }

  /** Starts a run of at least 1,400 tokens of thinking, which takes seconds. */
  async function start(page: Page): Promise<void> {
    await page.check('#background');
    await page.fill('#a-min', '1400');
    await page.fill('#a-max', '1500');
    await page.click('#run');
    await page.waitForSelector('#long-runs-list li');
  }

  it('are not offered if the API runs nothing in the background', async () => {
    const { page } = await openScripted([]);
    await page.waitForSelector('#a-max');
    expect(await page.isVisible('#background-choice')).toBe(false);
    expect(await page.isVisible('#long-runs')).toBe(false);
  });

  it('go on through a reload, are shown from their beginning, and followed to their end', async () => {
    const { page, errors } = await open();
    await start(page);
    await expect.poll(() => thought(page)).toBeGreaterThan(0);
    await page.reload();
    await expect.poll(() => list(page)).toMatch(/thinking|queued/);
    await button(page, /^Show:/).click();
    await expect.poll(() => list(page), { timeout: 60_000 }).toContain('answered, 1');
    expect(await page.textContent('dl')).toMatch(/^thinking1[45]\d\d tokens/);
    // The first words of the thought, too: all of it was read again.
    const whole = await thought(page);
    expect(whole).toBeGreaterThan(1_400);
    await button(page, /^Show:/).click();
    await expect.poll(() => thought(page)).toBe(whole);
    expect(await axeFindings(page)).toEqual([]);
    await shoot(page, 'long-runs');
    await button(page, /^Remove:/).click();
    await expect.poll(() => page.isVisible('#long-runs')).toBe(false);
    expect(errors).toEqual([]);
  });

  it('are cancelled in the list; to stop following one does not cancel it', async () => {
    const { page } = await open({ width: 360, height: 800 });
    await start(page);
    await expect.poll(() => thought(page)).toBeGreaterThan(0);
    await page.click('#stop');
    await expect.poll(() => page.textContent('.run [role=status]')).toBe('No longer followed. It goes on.');
    expect(await list(page)).toMatch(/thinking|queued/);
    await button(page, /^Cancel:/).click();
    await expect.poll(() => list(page)).toContain('cancelled');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await button(page, /^Show:/).click();
    await expect.poll(() => page.textContent('.run [role=status]')).toBe('Cancelled.');
    await page.evaluate('localStorage.clear()');
  });

  it('a request that the API refuses has its message beside the field', async () => {
    const { page } = await open();
    await page.check('#background');
    await page.fill('#a-max', '10');
    await page.fill('#a-min', '20');
    await page.click('#run');
    await expect.poll(() => page.locator('.field-error').count()).toBe(1);
    expect(await page.isVisible('#long-runs')).toBe(false);
  });
});
