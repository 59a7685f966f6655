/** Topics of which a classifier chooses: the main fields of s1K, whose authors took the Mathematics Subject Classification and sciences. */
export const TOPICS = [
  'algebra',
  'number theory',
  'combinatorics',
  'geometry',
  'calculus',
  'probability and statistics',
  'logic',
  'physics',
  'chemistry',
  'biology',
  'computer science',
  'other',
] as const;

/** What a model is asked to name the topic of a question. */
export function topicPrompt(question: string, topics: readonly string[]): string {
  return `Name the topic of the question below. Answer with one of these words and nothing else: ${topics.join(', ')}.\n\nQuestion:\n${question}`;
}

/** The topic in an answer: the one that is named last. `undefined` if none is. */
export function topicIn(answer: string, topics: readonly string[]): string | undefined {
  const text = answer.toLowerCase();
  const at = (topic: string) => text.lastIndexOf(topic.toLowerCase());
  // Of two that end at one place, the longer one was meant: "number theory" and "theory".
  const end = (topic: string) => at(topic) + topic.length;
  const named = topics.filter((topic) => at(topic) >= 0);
  return named.toSorted((a, b) => end(b) - end(a) || b.length - a.length)[0];
}
