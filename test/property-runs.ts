/** Environment variable: share of the cases of each property that are tried, above 0, at most 1. Mutation testing sets it. */
const SHARE = Number(process.env['PROPERTY_RUNS_SHARE'] ?? 1);
/** Cases that are tried in any case. */
const MIN_RUNS = 40;

/** Number of cases of a property: all of them, or a share if the tests run once for each of thousands of mutants. */
export function runs(all: number): number {
  return Math.min(all, Math.max(MIN_RUNS, Math.ceil(all * SHARE)));
}
