import { describe, expect, it } from 'vitest';
import { IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import { axeFindings } from './axe-findings.ts';
import { chromiumPath } from './browser.ts';
import { chromiumPages } from './chromium-pages.ts';

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
      expect(await axeFindings(page)).toEqual([]);
      await page.fill('#a-max', '0');
      await page.fill('#a-min', '20');
      for (const summary of await page.locator('summary:visible').all()) await summary.click();
      await page.click('#show');
      await page.click('#run');
      await expect.poll(() => page.locator('.field-error').count()).toBe(1);
      expect(await axeFindings(page)).toEqual([]);
      await page.fill('#a-min', '');
      await page.fill('#a-max', '');
      await page.fill('#a-waits', '1');
      await page.click('#run');
      await page.waitForSelector('dl dd');
      await page.getByRole('button', { name: 'Keep and ask more' }).click();
      await page.check('#compare');
      expect(await axeFindings(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      await shoot(page, `page-${width}-${colorScheme}`);
    },
  );

  it.each(['light', 'dark'] as const)('axe finds nothing on the reference, in %s', async (colorScheme) => {
    const { page } = await open([], {}, { path: '/docs', colorScheme });
    await page.waitForSelector('.operation');
    expect(await axeFindings(page)).toEqual([]);
  });
});
