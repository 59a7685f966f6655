/** Prompt of the endpoint's own template, for completions, which have none. */
const CHATML = '<|im_start|>user\n{{question}}<|im_end|>\n<|im_start|>assistant\n';

/** A task of lm-eval that asks the rows of `questions`, a JSONL file, and grades the last number of each text. */
export function lmEvalTask(name: string, questions: string, kind: 'chat' | 'completions'): string {
  const lastNumber = { function: 'regex', regex_pattern: '(-?\\d+)(?!.*\\d)', group_select: -1 };
  // JSON is YAML.
  return JSON.stringify({
    task: name,
    dataset_path: 'json',
    dataset_kwargs: { data_files: questions },
    test_split: 'train',
    output_type: 'generate_until',
    doc_to_text: kind === 'chat' ? '{{question}}' : CHATML,
    doc_to_target: '{{answer}}',
    target_delimiter: '',
    generation_kwargs: { until: ['<|im_end|>'], do_sample: true, temperature: 1, max_gen_toks: 1_024 },
    filter_list: [{ name: 'last-number', filter: [lastNumber, { function: 'take_first' }] }],
    metric_list: [{ metric: 'exact_match', aggregation: 'mean', higher_is_better: true }],
    metadata: { version: 1 },
  });
}
