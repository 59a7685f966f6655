import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type ScriptedSegment, scriptedApp } from '../lambda/scripted-world.ts';
import { chromiumPath } from './browser.ts';

interface OpenOptions {
  readonly path?: string;
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
}

/** Errors of a page that come from now on: of scripts, and all that the console shows as one. */
export function errorsOf(page: Page): readonly string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return errors;
}

/** Opens the pages of scripted apps in Chromium. Pages and servers are closed after each test. */
export function chromiumPages() {
  let browser: Browser;
  const servers: ServerType[] = [];
  const pages: Page[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath ?? '', args: ['--no-sandbox'] });
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
    for (const server of servers.splice(0)) server.close();
  });
  afterAll(() => browser.close());

  /** Serves an app on a free port. Returns its URL. */
  async function serve(fetch: (request: Request) => Response | Promise<Response>): Promise<string> {
    const server = createAdaptorServer({ fetch });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await browser.newPage(options);
    pages.push(page);
    return page;
  }

  /** Opens a page of a scripted app. */
  async function open(
    script: readonly ScriptedSegment[],
    changes: Parameters<typeof scriptedApp>[1] = {},
    { path = '/', viewport = { width: 1_280, height: 800 }, colorScheme = 'light' }: OpenOptions = {},
  ) {
    const world = scriptedApp(script, changes);
    const url = await serve(world.app.fetch);
    const page = await newPage({ viewport, colorScheme });
    const errors = errorsOf(page);
    const hosts = new Set<string>();
    page.on('request', (request) => hosts.add(new URL(request.url()).hostname));
    await page.goto(`${url}${path}`);
    return { page, errors, hosts, url, ...world };
  }

  /** Takes a picture into the folder SCREENSHOTS, if it is set. */
  async function shoot(page: Page, name: string, fullPage = true): Promise<void> {
    const folder = process.env['SCREENSHOTS'];
    if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage });
  }

  return { open, serve, newPage, shoot };
}
