import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import { chromiumPath } from './browser.ts';
import { chromiumPages } from './chromium-pages.ts';

const results = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
  passes: z.array(z.unknown()),
});

/** What axe finds, one line for each rule. */
async function findings(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const { violations, passes } = results.parse(await page.evaluate('axe.run(document)'));
  expect(passes.length).toBeGreaterThan(10);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}

const WIDTHS = [360, 768, 1_280];

describe.skipIf(chromiumPath === undefined)('Accessibility', () => {
  const { open, shoot } = chromiumPages();

  it.each(WIDTHS.flatMap((width) => (['light', 'dark'] as const).map((scheme) => [width, scheme] as const)))(
    'axe finds nothing on the playground at a width of %i, in %s',
    async (width, colorScheme) => {
      const { page } = await open(
        [
          { says: '34 + 27 = 61.', ends: IM_START },
          { says: ' 61 - 12 = 49.', ends: IM_START },
          { says: '49', ends: IM_END },
          { says: 'a', ends: IM_START },
          { says: 'b', ends: IM_END },
        ],
        {},
        { viewport: { width, height: 800 }, colorScheme },
      );
      await page.waitForSelector('#a-max');
      expect(await findings(page)).toEqual([]);
      await page.fill('#a-max', '0');
      await page.fill('#a-min', '20');
      for (const summary of await page.locator('summary').all()) await summary.click();
      await page.click('#show');
      await page.click('#run');
      await expect.poll(() => page.locator('.field-error').count()).toBe(1);
      expect(await findings(page)).toEqual([]);
      await page.fill('#a-min', '');
      await page.fill('#a-max', '');
      await page.fill('#a-waits', '1');
      await page.click('#run');
      await page.waitForSelector('dl dd');
      await page.getByRole('button', { name: 'Keep and ask more' }).click();
      await page.check('#compare');
      expect(await findings(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      await shoot(page, `page-${width}-${colorScheme}`);
    },
  );

  it.each(['light', 'dark'] as const)('axe finds nothing on the reference, in %s', async (colorScheme) => {
    const { page } = await open([], {}, { path: '/docs', colorScheme });
    await page.waitForSelector('.operation');
    expect(await findings(page)).toEqual([]);
  });
});
