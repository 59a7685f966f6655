import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { hashKey } from '../../lambda/keys/hash-key.ts';
import { NoCapacityError } from '../../lambda/upstream/errors.ts';
import { pageModule } from '../../web/build-page.ts';
import { IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import { type ScriptedSegment, scriptedApp, scriptedModel } from '../lambda/scripted-world.ts';
import { chromiumPath } from './browser.ts';
import { chromiumPages } from './chromium-pages.ts';

const thinks = (says: string): ScriptedSegment => ({ says, ends: IM_START });
const answers = (says: string): ScriptedSegment => ({ says, ends: IM_END });

describe.each(['playground', 'reference'] as const)('The built %s page', (name) => {
  it(`The built ${name} page is up to date with web/`, async () => {
    expect(await readFile(`lambda/http/${name}-page.ts`, 'utf8')).toBe(await pageModule(name));
  });

  it(`The built ${name} page loads nothing from another host`, async () => {
    const page = await pageModule(name);
    expect(page.replaceAll(/https?:\/\/www\.w3\.org\/[^"']*/g, '')).not.toMatch(/(?:src|href)=\\?["'](?:https?:)?\/\//);
  });
});

describe.each(['/', '/docs'])('GET %s', (path) => {
  it(`GET ${path} has a strict content security policy, and answers 304 if the page has not changed`, async () => {
    const { app } = scriptedApp([]);
    const response = await app.request(path);
    expect(response.headers.get('content-type')).toContain('text/html');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    const again = await app.request(path, { headers: { 'if-none-match': response.headers.get('etag') ?? '' } });
    expect(again.status).toBe(304);
  });
});

describe.skipIf(chromiumPath === undefined)('The pages in Chromium', () => {
  const { open, serve, shoot, newPage } = chromiumPages();

  it('The playground streams the thought with forced parts marked in place, then the answer and the account', async () => {
    const { page, errors, hosts } = await open([
      thinks('34 + 27 = 61.'),
      { says: ' 61 - 12 = 49, right. And so on.' },
      answers(' 49'),
    ]);
    await page.fill('#a-max', '40');
    await page.fill('#a-waits', '1');
    await page.click('#run');
    await page.waitForSelector('dl dd');
    expect(await page.textContent('.thinking')).toContain('34 + 27 = 61.[forced: Wait] 61 - 12');
    expect(await page.locator('.thinking mark').count()).toBe(1);
    expect(await page.textContent('.answer')).toContain('[forced: Final Answer:] 49');
    const figures = await page.textContent('dl');
    expect(figures).toContain('40 tokens');
    expect(figures).toContain('its budget');
    expect(await page.locator('.bar .event.wait').count()).toBe(1);
    expect(await page.locator('.bar .event.cut').count()).toBe(1);
    expect(await page.textContent('figcaption')).toBe('40 tokens of at most 40 · Wait at 13 · cut at 40');
    await shoot(page, 'run');
    expect(errors).toEqual([]);
    expect([...hosts]).toEqual(['127.0.0.1']);
  });

  it('The playground runs two budgets side by side', async () => {
    const { page, model } = await open([
      thinks('a'),
      thinks('b'),
      answers('1'),
      answers('2'),
      answers('3'),
      answers('4'),
    ]);
    await page.check('#compare');
    await page.fill('#a-max', '0');
    await page.click('#run');
    await expect.poll(() => page.locator('.run dl').count()).toBe(2);
    await expect.poll(() => page.locator('.run dd').count()).toBeGreaterThan(10);
    expect(model.requests.length).toBeGreaterThan(2);
    await shoot(page, 'compare');
  });

  it('The playground keeps the budgets that were set when a second one is added, removed and added again', async () => {
    const { page } = await open([]);
    const values = async (side: string) =>
      await Promise.all(['max', 'min', 'waits', 'effort'].map((name) => page.inputValue(`#${side}-${name}`)));
    await page.fill('#a-max', '100');
    await page.fill('#a-min', '50');
    await page.fill('#a-waits', '3');
    await page.check('#compare');
    expect(await values('a')).toEqual(['100', '50', '3', '']);
    expect(await values('b')).toEqual(['', '', '2', '']);
    await page.fill('#b-waits', '5');
    await page.selectOption('#b-effort', 'low');
    await page.uncheck('#compare');
    expect(await values('a')).toEqual(['100', '50', '3', '']);
    await page.fill('#a-max', '');
    await page.check('#compare');
    expect(await values('a')).toEqual(['', '50', '3', '']);
    expect(await values('b')).toEqual(['', '', '5', 'low']);
  });

  it('The playground suggests a second budget for a comparison, and leaves the first as it is', async () => {
    const { page } = await open([]);
    await page.check('#compare');
    expect(await page.inputValue('#a-max')).toBe('');
    expect(await page.inputValue('#b-waits')).toBe('2');
    await page.fill('#a-max', '24');
    await page.uncheck('#compare');
    expect(await page.inputValue('#a-max')).toBe('24');
  });

  it('The playground keeps a budget when another model is chosen, up to the maximum of the model', async () => {
    const { page } = await open([], {
      models: [scriptedModel('large', []), scriptedModel('small', [], { maxThinkingTokens: 60 })],
    });
    await page.fill('#a-max', '100');
    await page.fill('#a-waits', '3');
    await page.selectOption('#model', 'small');
    expect(await page.inputValue('#a-max')).toBe('60');
    expect(await page.inputValue('#a-waits')).toBe('3');
  });

  it('The playground shows the cost of a run at the price in the form, or else at the price of the model', async () => {
    const { page } = await open([thinks('a'), answers('b'), thinks('c'), answers('d')]);
    await page.click('summary:text("More options")');
    await page.fill('#price', '1000000');
    await page.click('#run');
    // At a dollar a token: the cost counts the prompt with its template, not only prompt and answer.
    await expect.poll(() => page.textContent('dl')).toMatch(/cost\$\d/);
    await page.fill('#price', '');
    await page.click('#run');
    await expect.poll(() => page.textContent('.answer')).toBe('d');
    expect(await page.textContent('dl')).not.toContain('cost');
  });

  it('The playground shows the request of either budget', async () => {
    const { page } = await open([]);
    await page.check('#compare');
    await page.fill('#a-max', '24');
    await page.click('#show');
    expect(await page.textContent('#code')).toContain('"max_tokens":24');
    await page.getByRole('button', { name: 'Second budget' }).click();
    expect(await page.textContent('#code')).toContain('"waits":2');
    await page.click('summary:text("More options")');
    await page.check('#loops');
    await page.getByRole('button', { name: 'Python' }).click();
    expect(await page.textContent('#code')).toContain('extra_body={"thinking": {"waits": 2, "detect_loops": True}}');
  });

  it('The playground stops a run, and the model with it', async () => {
    const { page, model } = await open([{ says: 'thinking …', hangs: true }], { keepAliveMs: 50 });
    await page.click('#run');
    await expect.poll(() => page.textContent('.thinking')).toContain('thinking');
    await page.click('#stop');
    await expect.poll(() => page.textContent('.run [role=status]')).toBe('Stopped.');
    await expect.poll(() => model.aborted).toBe(1);
  });

  it('The playground shows its request as code', async () => {
    const { page } = await open([]);
    await page.fill('#prompt', "It's 2 + 2?");
    await page.fill('#a-min', '7');
    await page.click('#show');
    expect(await page.textContent('#code')).toContain('"thinking":{"min_tokens":7}');
    expect(await page.textContent('#code')).toContain("It'\\''s 2 + 2?");
    await page.getByRole('button', { name: 'Python' }).click();
    expect(await page.textContent('#code')).toContain('extra_body={"thinking": {"min_tokens": 7}}');
    await shoot(page, 'code');
  });

  it('The playground works by keyboard alone', async () => {
    const { page } = await open([thinks('a'), answers('b')]);
    await page.focus('#prompt');
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => page.textContent('.answer')).toBe('b');
    await page.focus('#a-max-range');
    await page.keyboard.press('ArrowRight');
    expect(await page.inputValue('#a-max')).toBe('1');
  });

  it('The playground runs a question that was asked before the models were known, once', async () => {
    const { app, model } = scriptedApp([thinks('a'), answers('b')]);
    const slow = Promise.withResolvers<void>();
    const url = await serve(async (request) => {
      if (request.url.endsWith('/v1/models')) await slow.promise;
      return await app.fetch(request);
    });
    const page = await newPage();
    await page.goto(url);
    await page.focus('#prompt');
    await page.keyboard.press('Control+Enter');
    await page.click('#run');
    expect(await page.locator('.run').count()).toBe(0);
    slow.resolve();
    await expect.poll(() => page.locator('.answer').allTextContents()).toEqual(['b']);
    expect(model.requests).toHaveLength(2);
  });

  it("The playground shows the API's own error message", async () => {
    const { page } = await open([{ says: '', fails: new NoCapacityError('The model has no copy running.') }]);
    await page.click('#run');
    await expect.poll(() => page.textContent('.run .error')).toBe('The model has no copy running.');
  });

  it('The playground finds the API under the stage of an API Gateway, with and without a trailing slash', async () => {
    const { app } = scriptedApp([thinks('a'), answers('b'), thinks('c'), answers('d')]);
    const url = await serve((request) => app.fetch(new Request(request.url.replace(/\/api\/?/, '/'), request)));
    for (const path of ['/api/', '/api']) {
      const page = await newPage();
      await page.goto(`${url}${path}`);
      await page.waitForSelector('#a-max');
      await page.click('#run');
      await expect.poll(() => page.textContent('.answer')).toMatch(/^[bd]$/);
      expect(await page.textContent('#code')).toContain('/api/v1/chat/completions');
    }
  });

  it('The playground asks for a key if the API needs one', async () => {
    const { page } = await open([thinks('a'), answers('b')], { keyHashes: async () => [hashKey('secret')] });
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('key');
    await page.fill('#key', 'secret');
    await page.keyboard.press('Tab');
    await page.waitForSelector('#a-max');
    await page.click('#run');
    await expect.poll(() => page.textContent('.answer')).toBe('b');
  });

  it('The reference page shows every route with its fields and an example', async () => {
    const { page, errors, hosts } = await open([], {}, { path: '/docs#createMessage' });
    await page.waitForSelector('#createMessage');
    expect(await page.locator('.operation').count()).toBeGreaterThan(12);
    const chat = page.locator('#createChatCompletion');
    expect(await chat.locator('pre').textContent()).toContain('/v1/chat/completions');
    await chat.locator('li', { hasText: 'thinking' }).first().locator('summary').first().click();
    await expect.poll(() => chat.textContent()).toContain('Minimum of thinking tokens.');
    await shoot(page, 'reference', false);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await shoot(page, 'reference-phone', false);
    expect(errors).toEqual([]);
    expect([...hosts]).toEqual(['127.0.0.1']);
  });

  it.each([
    ['light', 'phone-light'],
    ['dark', 'phone-dark'],
  ] as const)('The playground fits a phone, in %s', async (scheme, name) => {
    const { page } = await open(
      [thinks('x'.repeat(300)), answers('b')],
      {},
      { viewport: { width: 360, height: 740 }, colorScheme: scheme },
    );
    await page.click('#show');
    await page.click('#run');
    await page.waitForSelector('dl dd');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await shoot(page, name);
  });
});
