import { percent } from '../plot.ts';
import { columns } from '../report.ts';
import { areaUnderCurve, rocCurve, type Scored } from '../statistics/roc.ts';
import type { CalibrationResult } from './calibrate.ts';
import type { Judged } from './judge.ts';
import { linePlot } from './line-plot.ts';
import type { Confidences } from './measure-passes.ts';

/** Bins of the reliability curve, with about as many thoughts each. */
const BINS = 10;

/** What `--json` prints and `summary.json` has: the result without its curves. */
export function calibrationSummary(result: CalibrationResult) {
  const { measures, heldOut, ...rest } = result;
  return {
    ...rest,
    measures: measures.map(({ measure, chosen }) => ({
      measure,
      ...chosen,
      aucHeldOut: areaUnderCurve(scored(heldOut, measure)),
    })),
  };
}

/** The calibration as tables for a terminal. */
export function calibrationText(result: CalibrationResult): string {
  const { calibration, chosen, policies, sure, sureHeldOut, notes } = result;
  const measures = calibrationSummary(result).measures.map((each) => [
    each.measure,
    each.unsureBelow.toString(),
    percent(each.accuracy),
    each.meanTokens.toFixed(1),
    percent(each.waits),
    each.aucHeldOut === undefined ? '-' : each.aucHeldOut.toFixed(3),
  ]);
  const bounds = new Map(policies.map(({ name }, index) => [name, calibration.rows[index]?.wrongUpper95]));
  const judged = [...policies, ...(sureHeldOut === undefined ? [] : [sureHeldOut])];
  return [
    `Measures, on the calibration half (the area under the curve is of the held-out half)\n${columns([
      ['measure', 'unsure below', 'right', 'tokens', 'Waits', 'AUC'],
      ...measures,
    ])}`,
    ...(sure.length === 0
      ? []
      : [
          `Stop when sure, on the calibration half\n${columns([
            ['sure above', 'right', 'tokens'],
            ...sure.map((each) => [String(each.sureAbove), percent(each.accuracy.share), each.meanTokens.toFixed(1)]),
          ])}`,
        ]),
    `Policies, on the held-out half\n${columns([
      ['policy', 'right', '95 % interval', 'tokens', 'a right answer', 'Waits', 'risk'],
      ...judged.map((each) => policyRow(each, bounds.get(each.name))),
    ])}`,
    `Chosen: ${chosen.measure}, unsureBelow ${chosen.unsureBelow}${calibration.sureAbove === undefined ? '' : `, sureAbove ${calibration.sureAbove}`}. Tokens are all that were sampled. "Risk" is the upper 95 % bound of wrong answers\n(Clopper-Pearson, one answer to each question), for the policy alone: a choice among several makes it optimistic.`,
    ...notes,
  ].join('\n\n');
}

function policyRow({ name, accuracy, meanTokens, tokensPerRightAnswer, meanWaits }: Judged, risk: number | undefined) {
  return [
    name,
    percent(accuracy.share),
    `${percent(accuracy.low)} to ${percent(accuracy.high)}`,
    meanTokens.toFixed(1),
    tokensPerRightAnswer === undefined ? '-' : tokensPerRightAnswer.toFixed(1),
    meanWaits.toFixed(2),
    risk === undefined ? '-' : String(risk),
  ];
}

/** The plots by file name. */
export function calibrationPlots(result: CalibrationResult): Readonly<Record<string, string>> {
  const { chosen, measures, heldOut } = result;
  const threshold = { x: chosen.unsureBelow, label: `${chosen.measure}, ${chosen.unsureBelow}` };
  const curves = (y: 'accuracy' | 'meanTokens') =>
    measures.map(({ measure, curve }) => ({
      name: measure,
      points: curve.map((point) => ({ x: point.unsureBelow, y: point[y] })),
    }));
  return {
    'threshold-accuracy.svg': linePlot({
      title: 'Accuracy by threshold (calibration half)',
      xLabel: 'a Wait if the confidence is below',
      yLabel: 'right answers',
      lines: curves('accuracy'),
      chosen: threshold,
    }),
    'threshold-tokens.svg': linePlot({
      title: 'Tokens by threshold (calibration half)',
      xLabel: 'a Wait if the confidence is below',
      yLabel: 'tokens an answer, mean',
      lines: curves('meanTokens'),
      chosen: threshold,
    }),
    'reliability.svg': linePlot({
      title: 'Right answers by confidence (held-out half)',
      xLabel: `confidence, mean of ${BINS} bins with equally many thoughts`,
      yLabel: 'right answers',
      yRange: [0, 1],
      diagonal: true,
      lines: measures.map(({ measure }) => ({
        name: measure,
        marked: true,
        points: reliability(scored(heldOut, measure), BINS),
      })),
    }),
    'roc.svg': linePlot({
      title: 'Receiver operating characteristic (held-out half)',
      xLabel: 'share of wrong answers that count as sure',
      yLabel: 'share of right answers that count as sure',
      yRange: [0, 1],
      diagonal: true,
      lines: measures.map(({ measure }) => {
        const answers = scored(heldOut, measure);
        return {
          name: `${measure}, AUC ${areaUnderCurve(answers)?.toFixed(3) ?? 'unknown'}`,
          points: rocCurve(answers).map(({ wrong, right }) => ({ x: wrong, y: right })),
        };
      }),
    }),
  };
}

/** Mean score and share of right answers of bins with about equally many answers, in the order of the score. */
function reliability(answers: readonly Scored[], bins: number) {
  const sorted = answers.toSorted((a, b) => a.score - b.score);
  const count = Math.min(bins, sorted.length);
  return Array.from({ length: count }, (_, bin) => {
    const own = sorted.slice(
      Math.floor((bin * sorted.length) / count),
      Math.floor(((bin + 1) * sorted.length) / count),
    );
    return {
      x: own.reduce((sum, { score }) => sum + score, 0) / own.length,
      y: own.filter(({ right }) => right).length / own.length,
    };
  });
}

function scored(heldOut: CalibrationResult['heldOut'], measure: keyof Confidences): readonly Scored[] {
  return heldOut.flatMap(({ confidences, right }) => {
    const score = confidences[measure];
    return score === undefined ? [] : [{ score, right }];
  });
}
