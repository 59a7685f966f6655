import { existsSync } from 'node:fs';

/** A Chromium of this machine, or `undefined`: the tests of the page then say that they were skipped. */
export const chromiumPath = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));
