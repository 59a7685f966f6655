import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { decode, IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import { type ScriptedSegment, scriptedModel } from '../lambda/scripted-world.ts';
import { chromiumPath } from './browser.ts';
import { chromiumPages } from './chromium-pages.ts';

const thinks = (says: string): ScriptedSegment => ({ says, ends: IM_START });
const answers = (says: string): ScriptedSegment => ({ says, ends: IM_END });

describe.skipIf(chromiumPath === undefined)('The playground', () => {
  const { open } = chromiumPages();

  it('goes on from an answer, keeps the conversation over a reload, and clears it', async () => {
    const { page, model } = await open([thinks('a'), answers('Two.'), thinks('b'), answers('Four.')]);
    await page.click('summary:text("More options")');
    await page.fill('#system', 'Be brief.');
    await page.fill('#prompt', 'One and one?');
    await page.click('#run');
    await page.getByRole('button', { name: 'Keep and ask more' }).click();
    expect(await page.inputValue('#prompt')).toBe('');
    expect(await page.textContent('#turns')).toContain('One and one?');
    await page.reload();
    await page.waitForSelector('#a-max');
    expect(await page.textContent('#turns')).toContain('Two.');
    await page.fill('#prompt', 'And two?');
    await page.click('#run');
    await expect.poll(() => page.textContent('.answer')).toBe('Four.');
    const sent = decode(model.requests.at(-2)?.promptIds ?? []);
    expect(sent).toMatch(/One and one\?[\s\S]*Two\.[\s\S]*And two\?/);
    await page.getByRole('button', { name: 'Clear the conversation' }).click();
    expect(await page.locator('#conversation').isHidden()).toBe(true);
    await page.reload();
    await page.waitForSelector('#a-max');
    expect(await page.locator('#conversation').isHidden()).toBe(true);
  });

  it('sends the system prompt and the limit of the answer', async () => {
    const { page, model } = await open([thinks('a'), answers('b')]);
    await page.click('summary:text("More options")');
    await page.fill('#system', 'Be brief.');
    await page.fill('#max-completion', '50');
    await page.click('#run');
    await page.waitForSelector('dl dd');
    expect(decode(model.requests[0]?.promptIds ?? [])).toContain('Be brief.');
    expect(model.requests[0]?.maxTokens).toBeLessThanOrEqual(50);
  });

  it('exports the exchange as it went over the wire, without the key', async () => {
    const { page, url } = await open([thinks('a'), answers('b')]);
    await page.click('summary:text("More options")');
    await page.fill('#key', 'secret-key');
    await page.click('#run');
    await page.waitForSelector('dl dd');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export' }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^budgetforce-[\d-]+T[\d-]+\.json$/);
    const text = await readFile(await download.path(), 'utf8');
    expect(text).not.toContain('secret-key');
    const exchange = z
      .object({
        request: z.object({ method: z.literal('POST'), url: z.string(), body: z.looseObject({ model: z.string() }) }),
        response: z.object({ status: z.literal(200), headers: z.record(z.string(), z.string()), body: z.string() }),
      })
      .parse(JSON.parse(text));
    expect(exchange.request.url).toBe(`${url}/v1/chat/completions`);
    expect(exchange.response.body).toMatch(/^(: .*\n\n)?data: [\s\S]*data: \[DONE\]\n\n$/);
    expect(exchange.response.headers['content-type']).toContain('text/event-stream');
  });

  it('restores all settings from its link, which has no key', async () => {
    const { page, url } = await open([], { models: [scriptedModel('one', []), scriptedModel('two', [])] });
    await page.fill('#prompt', 'What is 1 & 2?');
    await page.selectOption('#model', 'two');
    await page.fill('#a-max', '0');
    await page.fill('#a-min', '0');
    await page.check('#compare');
    await page.fill('#b-waits', '3');
    await page.selectOption('#b-effort', 'low');
    await page.click('text=More options');
    await page.fill('#key', 'secret-key');
    const options = {
      system: 'Be brief.',
      'max-completion': '90',
      temperature: '0.5',
      'wait-when': 'unsure',
      'unsure-below': '0.25',
      'stop-when': 'sure',
      'sure-above': '0.9',
      samples: '4',
      lead: '2',
      'wait-text': 'Hmm',
      'soft-landing': '0.8',
      deadline: '5000',
      price: '1.5',
    };
    for (const [id, value] of Object.entries(options)) {
      if (id.endsWith('-when')) await page.selectOption(`#${id}`, value);
      else await page.fill(`#${id}`, value);
    }
    await page.check('#loops');
    await page.check('#confidence');
    await page.getByRole('button', { name: 'Copy a link' }).click();
    await expect.poll(() => page.url()).toContain('#');
    const link = page.url();
    expect(link).not.toContain('secret-key');
    await page.goto('about:blank');
    await page.evaluate('0');
    await page.goto(link);
    await page.waitForSelector('#b-max');
    expect(link.startsWith(url)).toBe(true);
    expect(await page.inputValue('#prompt')).toBe('What is 1 & 2?');
    expect(await page.inputValue('#model')).toBe('two');
    const budgets = ['a-max', 'a-min', 'a-waits', 'b-max', 'b-waits', 'b-effort'];
    expect(await Promise.all(budgets.map((id) => page.inputValue(`#${id}`)))).toEqual(['0', '0', '', '', '3', 'low']);
    for (const [id, value] of Object.entries(options)) expect(await page.inputValue(`#${id}`), id).toBe(value);
    expect(await page.isChecked('#loops')).toBe(true);
    expect(await page.isChecked('#confidence')).toBe(true);
    expect(await page.isChecked('#compare')).toBe(true);
  });

  it('restores the settings of a link that is opened in the same tab', async () => {
    const { page } = await open([], { models: [scriptedModel('one', []), scriptedModel('two', [])] });
    await page.fill('#a-waits', '3');
    await page.click('text=More options');
    await page.fill('#temperature', '1');
    await page.evaluate("location.hash = '#model=two&compare=1&prompt=Why%3F&max1=0&waits2=4&risk=0.052'");
    await expect.poll(() => page.inputValue('#prompt')).toBe('Why?');
    const ids = ['model', 'a-max', 'a-waits', 'b-waits', 'risk', 'temperature'];
    expect(await Promise.all(ids.map((id) => page.inputValue(`#${id}`)))).toEqual(['two', '0', '', '4', '0.052', '']);
    expect(await page.isChecked('#compare')).toBe(true);
  });

  it('says where the link is if the browser has no clipboard', async () => {
    const { page, errors } = await open([]);
    await page.waitForSelector('#a-max');
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    await page.click('#link');
    await expect.poll(() => page.textContent('#link')).toBe('The link is in the address bar');
    await expect.poll(() => page.textContent('#link'), { timeout: 5_000 }).toBe('Copy a link to these settings');
    await page.click('#show');
    await page.click('#copy');
    await expect.poll(() => page.textContent('#copy')).toBe('Select the text to copy it');
    expect(errors).toEqual([]);
  });

  it('offers all models with their aliases', async () => {
    const { page } = await open([], {
      models: [scriptedModel('one', []), scriptedModel('two', [])],
      aliases: { 'gpt-5': 'one' },
    });
    await page.waitForSelector('#a-max');
    expect(await page.locator('#model option').allTextContents()).toEqual(['one', 'two', 'gpt-5 (alias of one)']);
  });
});
