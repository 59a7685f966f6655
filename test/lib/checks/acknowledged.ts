import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { z } from 'zod';

/** Returns the cdk-nag rules that a construct and its children acknowledge, with their reasons. */
export function acknowledgedRules(scope: IConstruct): readonly (readonly [rule: string, reason: string])[] {
  return scope.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.entries(z.record(z.string(), z.string()).parse(data)));
}
