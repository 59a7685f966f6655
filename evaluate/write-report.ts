import { compareAgainst } from './against/compare.ts';
import type { ResultFolder } from './folder/result-folder.ts';
import { plotsOf } from './plots.ts';
import type { Prices } from './prices.ts';
import { plotsPage, type Report, reportText } from './report.ts';
import type { Result } from './results.ts';
import { summarize } from './summarize.ts';

/** Writes summary, plots and page of a folder's results. */
export async function writeReport(folder: ResultFolder, results: readonly Result[], prices: Prices): Promise<Report> {
  const { model, conditions, against, price, modelPrices, thresholds } = folder.settings;
  const summary = summarize(
    conditions,
    results,
    prices.dollarsPerMillionTokens ?? prices.modelPrices?.[model] ?? price ?? undefined,
    {
      ...modelPrices,
      ...prices.modelPrices,
    },
  );
  const report: Report = {
    ...summary,
    model,
    ...(thresholds === null ? {} : { thresholds }),
    ...(against === null ? {} : { against: compareAgainst(against.model, conditions, results, summary, prices) }),
  };
  const plots = plotsOf(report);
  await folder.write('summary.json', `${JSON.stringify(report, null, 2)}\n`);
  for (const [name, svg] of Object.entries(plots)) await folder.write(name, svg);
  await folder.write('report.html', plotsPage(`Budget forcing on ${model}`, Object.values(plots), reportText(report)));
  return report;
}
