import * as z from 'zod';
import type { SequencedEvent } from '../../background/log-record.ts';

const itemEventSchema = z.object({ output_index: z.int().min(0), item: z.looseObject({ type: z.string() }) });
const deltaEventSchema = z.object({ output_index: z.int().min(0), delta: z.string() });

type Item = z.infer<typeof itemEventSchema>['item'];

/** The output items of a response from its events. One that has not ended is incomplete. */
export function outputOfEvents(events: readonly SequencedEvent[]): readonly unknown[] {
  const items: { item: Item; text: string[] | undefined }[] = [];
  for (const event of events) {
    if (event.type === 'response.output_item.added' || event.type === 'response.output_item.done') {
      const { output_index: at, item } = itemEventSchema.parse(event);
      items[at] = { item, text: event.type === 'response.output_item.done' ? undefined : [] };
    } else if (event.type.endsWith('.delta')) {
      const { output_index: at, delta } = deltaEventSchema.parse(event);
      items[at]?.text?.push(delta);
    }
  }
  return items.map(({ item, text }) => (text === undefined ? item : unfinished(item, text.join(''))));
}

function unfinished(item: Item, text: string): object {
  const status = 'incomplete';
  switch (item.type) {
    case 'message':
      return { ...item, status, content: [{ type: 'output_text', text, annotations: [], logprobs: [] }] };
    case 'reasoning':
      return { ...item, status, content: [{ type: 'reasoning_text', text }] };
    case 'function_call':
      return { ...item, status, arguments: text };
    default:
      return { ...item, status };
  }
}
