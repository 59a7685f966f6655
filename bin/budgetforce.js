#!/usr/bin/env node
import { existsSync } from 'node:fs';

// Node strips no types under node_modules: the packed package holds JavaScript, the repository its source.
const source = new URL('budgetforce.ts', import.meta.url);
await import(existsSync(source) ? source.href : new URL('../dist/bin/budgetforce.js', import.meta.url).href);
