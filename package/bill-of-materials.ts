import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { bundledSources, type ProgramName } from '../lib/bundles/programs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A package of others of which a program has code. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression of its package.json. */
  readonly license: string;
  /** Texts of its licence and notice files. */
  readonly texts: readonly string[];
}

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().optional(),
});

/**
 * The packages of others of which a program has code, by name.
 *
 * @throws {Error} for a package without a licence in its package.json
 */
export function bundledPackages(program: ProgramName): readonly BundledPackage[] {
  const folders = new Set(bundledSources(program).flatMap((path) => packageFolder(path) ?? []));
  return [...folders]
    .map(readPackage)
    .toSorted((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
}

/** The folder of the innermost package that a file belongs to. `undefined` for our own files. */
function packageFolder(path: string): string | undefined {
  const marker = 'node_modules/';
  const start = path.lastIndexOf(marker);
  if (start < 0) return undefined;
  const [first = '', second = ''] = path.slice(start + marker.length).split('/');
  return path.slice(0, start + marker.length) + (first.startsWith('@') ? `${first}/${second}` : first);
}

function readPackage(folder: string): BundledPackage {
  const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')));
  const { name, version, license } = manifest;
  if (license === undefined) throw new Error(`${name} ${version} has no licence in its package.json.`);
  const texts = readdirSync(join(root, folder))
    .filter((file) => /^(?:licen[cs]e|notice|copying)/i.test(file))
    .toSorted()
    .map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
  // Some packages have it in their README only.
  if (texts.length === 0) {
    const readme = readdirSync(join(root, folder)).find((file) => /^readme/i.test(file));
    const text = readme === undefined ? '' : readFileSync(join(root, folder, readme), 'utf8');
    const start = text.search(/^#+ licen[cs]e/im);
    if (start >= 0 && license !== 'Apache-2.0') texts.push(text.slice(start).trim());
  }
  // Some of AWS's packages come without the file. Its text is the same everywhere.
  if (texts.length === 0 && license === 'Apache-2.0') texts.push(readFileSync(join(root, 'LICENSE'), 'utf8').trim());
  return { name, version, license, texts };
}

/** A bill of materials in CycloneDX's form. https://cyclonedx.org/docs/1.6/json/ */
export function billOfMaterials(program: ProgramName, packages: readonly BundledPackage[]): object {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: { type: 'application', name: `budgetforce ${program}`, 'bom-ref': `budgetforce-${program}` },
    },
    components: packages.map(({ name, version, license }) => {
      const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
      return { type: 'library', 'bom-ref': purl, name, version, licenses: [{ expression: license }], purl };
    }),
  };
}

/** The licences of packages with their texts, as they ask for in copies of their code. */
export function licenseTexts(packages: readonly BundledPackage[]): string {
  const line = '-'.repeat(78);
  return packages
    .map(({ name, version, license, texts }) => [line, `${name} ${version} (${license})`, '', ...texts, ''].join('\n'))
    .join('\n');
}
