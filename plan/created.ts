import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { BUNDLING_STACKS } from 'aws-cdk-lib/cx-api';
import * as z from 'zod';
import type { Config } from '../lib/config.ts';
import { addStacks } from '../lib/stacks.ts';

/** Resources of one type in one stack. */
export interface CreatedResources {
  readonly stack: string;
  /** CloudFormation's name of the type, for instance `AWS::SageMaker::Endpoint`. */
  readonly type: string;
  readonly resources: readonly Resource[];
}

interface Resource {
  readonly id: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

const templateSchema = z.object({
  Resources: z.record(
    z.string(),
    z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).default({}) }),
  ),
});

/**
 * Lists the resources in the synthesized templates of a config. Nothing is bundled.
 *
 * @param allow codes of refusals to allow, in the form of `--context allow=`
 * @throws {RefusedError} if the config cannot work.
 */
export function createdBy(config: Config, allow: string | undefined): readonly CreatedResources[] {
  const outdir = mkdtempSync(join(tmpdir(), 'budgetforce-plan-'));
  try {
    // The bucket of an example changes nothing of the plan, which says so in a note. Only a deployment needs the true bucket.
    const codes = ['placeholder-bucket', ...(allow === undefined ? [] : [allow])].join(',');
    const context = { [BUNDLING_STACKS]: [], allow: codes };
    const app = new App({ outdir, analyticsReporting: false, context });
    addStacks(app, config);
    return app.synth().stacks.flatMap(({ stackName, template }) => {
      const byType = new Map<string, Resource[]>();
      for (const [id, { Type, Properties }] of Object.entries(templateSchema.parse(template).Resources)) {
        byType.set(Type, [...(byType.get(Type) ?? []), { id, properties: Properties }]);
      }
      return [...byType].map(([type, resources]) => ({ stack: stackName, type, resources }));
    });
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
