import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../lib/config.ts';
import { rollingBatch } from '../../../lib/endpoint/deployment.ts';
import { defaultPrices } from '../../../lib/facts/prices.ts';
import { createdBy } from '../../../plan/created.ts';
import { makePlan } from '../../../plan/make-plan.ts';
import { aConfig, all, aModel, synthesize } from '../synthesize.ts';

type Copies = { initial: number; min: number; max: number };

function config(copies: Copies, instances: number) {
  return aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', instances: { min: 0, max: instances } },
    models: [aModel({ copies })],
  });
}

const deploymentOf = (copies: Copies) =>
  all(synthesize(config(copies, 10)).endpoint, 'AWS::SageMaker::InferenceComponent')[0]?.['DeploymentConfig'];

function notesOf(copies: Copies, instances: number): string {
  const parsed = parseConfig(config(copies, instances));
  return makePlan(parsed, createdBy(parsed, undefined), defaultPrices).notes.join('\n');
}

describe('rolling update of a component', () => {
  it('the batch is 5 to 50 % of every number of copies from the minimum to the maximum', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 400 }), (min, more) => {
        const batch = rollingBatch({ min, max: min + more });
        if (batch === undefined) return;
        for (let copies = min; copies <= min + more; copies++) {
          expect(batch).toBeGreaterThanOrEqual(copies * 0.05);
          expect(batch).toBeLessThanOrEqual(copies * 0.5);
        }
      }),
    );
  });

  it('no batch is left out although one would fit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 100 }), fc.integer({ min: 0, max: 200 }), (min, more) => {
        const fits = (batch: number) => batch >= (min + more) * 0.05 && batch <= min * 0.5;
        const any = Array.from({ length: 60 }, (_, index) => index + 1).some(fits);
        expect(rollingBatch({ min, max: min + more }) !== undefined).toBe(any);
      }),
    );
  });

  it('two to six copies are replaced one by one', () => {
    expect(deploymentOf({ initial: 2, min: 2, max: 6 })).toMatchObject({
      RollingUpdatePolicy: { MaximumBatchSize: { Type: 'COPY_COUNT', Value: 1 } },
    });
  });

  it('a component that may run one copy has no rolling policy, because SageMaker would refuse its batch', () => {
    expect(deploymentOf({ initial: 1, min: 1, max: 6 })).toBeUndefined();
  });

  it('the plan says that an update does not roll, and what to write instead', () => {
    expect(notesOf({ initial: 1, min: 1, max: 6 }, 10)).toMatch(
      /An update of s1-32b does not roll, .* it may run one copy: .* write copies\.min 2/,
    );
    expect(notesOf({ initial: 2, min: 2, max: 6 }, 10)).not.toContain('An update of');
  });

  it('the plan says if no GPU is free for a rolling copy at the maximum', () => {
    expect(notesOf({ initial: 2, min: 2, max: 4 }, 1)).toContain(
      'An update of s1-32b starts 1 more copy before it stops as many, and with copies.max of every model no GPU is free for that: write instances.max 2',
    );
  });
});
