import { describe, expect, it } from 'vitest';
import { programNames } from '../../lib/bundles/programs.ts';
import { billOfMaterials, bundledPackages, licenseTexts } from '../../package/bill-of-materials.ts';

/** Licences that let the code be deployed and passed on under Apache-2.0 beside it. */
const allowed = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'Zlib'];

/** Whether an SPDX expression of `OR` and `AND`, without precedence, allows it: one of the choices, or all of the parts. */
function isAllowed(license: string): boolean {
  const plain = license.replaceAll(/[()]/g, '');
  if (plain.includes(' OR ')) return plain.split(' OR ').some((part) => allowed.includes(part));
  return plain.split(' AND ').every((part) => allowed.includes(part));
}

describe.each(programNames)('the code of others in the program %s', (program) => {
  const packages = bundledPackages(program);

  it('is under licences that allow it', () => {
    const other = packages.filter(({ license }) => !isAllowed(license));
    expect(other.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
  });

  it('is in the bill of materials with version and licence, each package once', () => {
    const names = packages.map(({ name, version }) => `${name}@${version}`);
    expect(new Set(names).size).toBe(names.length);
    expect(billOfMaterials(program, packages)).toMatchObject({
      bomFormat: 'CycloneDX',
      components: packages.map(({ name, version, license }) => ({
        name,
        version,
        licenses: [{ expression: license }],
        purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
      })),
    });
  });

  it('comes with its licence texts', () => {
    const text = licenseTexts(packages);
    for (const { name, version } of packages) expect(text).toContain(`${name} ${version}`);
    const without = packages.filter(({ texts }) => texts.length === 0).map(({ name }) => name);
    expect(without).toEqual([]);
  });
});

it('the function has code of the packages that it is known to need', () => {
  expect(bundledPackages('function').map(({ name }) => name)).toEqual(
    expect.arrayContaining(['hono', 'zod', '@aws-sdk/client-sagemaker-runtime', '@huggingface/tokenizers']),
  );
});
