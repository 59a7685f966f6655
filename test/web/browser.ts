import { existsSync } from 'node:fs';

/** Path of an installed Chromium. If it is `undefined`, the tests of the page are skipped. */
export const chromiumPath = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));
