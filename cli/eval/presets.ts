/** Values of options that are not given. */
export interface Preset {
  readonly budgets: string;
  readonly waits: string;
  readonly samples: string;
  readonly baselines: string;
  readonly limit: string;
  readonly seeds: string;
  readonly temperature?: string;
  readonly 'repetition-penalty'?: string;
  readonly conditions?: string;
}

export const presets = {
  default: { budgets: '0,24,36,48,60,72', waits: '1,2,4', samples: '3', baselines: '32', limit: '100', seeds: '1' },
  // The figures of the embedded model's card.
  card: { budgets: '0,24,36,48,60,72', waits: '1,2,4', samples: '1', baselines: 'none', limit: '500', seeds: '3' },
  // Rules that spend tokens only where they pay, and what they replace.
  adaptive: {
    budgets: 'none',
    waits: '1,2',
    samples: '1',
    baselines: 'none',
    limit: '500',
    seeds: '3',
    conditions: 'unsure-wait-1,unsure-wait-2,sure,server-vote-5,vote-lead-5,risk-10',
  },
  // Budget forcing in the paper's table 3 and figure 4: eval/commands.sh of its repository.
  's1-paper': {
    budgets: '500,1000,2000,4000,8000,16000',
    waits: '1,2,4,6',
    samples: '1',
    baselines: 'none',
    limit: '1000000',
    seeds: '1',
    temperature: '0',
    // The file of s1-32B has a penalty, which the paper's runs do not apply.
    'repetition-penalty': '1',
  },
} as const satisfies Readonly<Record<string, Preset>>;
export const presetNames = Object.keys(presets) as readonly (keyof typeof presets)[];
