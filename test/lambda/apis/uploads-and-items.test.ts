import { describe, expect, it } from 'vitest';
import { toLogprobs } from '../../../lambda/apis/completions/logprobs.ts';
import { readFeedback } from '../../../lambda/apis/feedback/read-feedback.ts';
import { readUpload } from '../../../lambda/apis/files/read-upload.ts';
import { allowedTargets, findModel, findTarget } from '../../../lambda/apis/models/find-model.ts';
import { ResponseItems } from '../../../lambda/apis/responses/events.ts';
import { scriptedModel } from '../scripted-world.ts';

describe('an uploaded file', () => {
  const file = (name = 'a.md', content = 'text') => new File([content], name);
  const upload = async (parts: Readonly<Record<string, string | File>>) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(parts)) form.append(name, value);
    return await readUpload(new Request('http://x', { method: 'POST', body: form }));
  };
  const whole = { file: file(), purpose: 'user_data' };

  it('has its name without folders, its bytes and its purpose', async () => {
    expect(await upload(whole)).toEqual({
      filename: 'a.md',
      content: new TextEncoder().encode('text'),
      purpose: 'user_data',
      expiresSeconds: undefined,
    });
    for (const name of ['docs/a.md', '..\\docs\\a.md', ' a.md ']) {
      expect(await upload({ ...whole, file: file(name) })).toMatchObject({ filename: 'a.md' });
    }
    expect(await upload({ ...whole, file: file('x'.repeat(255)) })).toMatchObject({ filename: 'x'.repeat(255) });
  });

  it.each(['3600', '2592000'])('may expire after %s s', async (seconds) => {
    const expiry = { 'expires_after[anchor]': 'created_at', 'expires_after[seconds]': seconds };
    expect(await upload({ ...whole, ...expiry })).toMatchObject({ expiresSeconds: Number(seconds) });
  });

  const seconds = 'expires_after.seconds must be a whole number from 3600 to 2592000.';
  const anchor = { 'expires_after[anchor]': 'created_at' };
  it.each<[string, Readonly<Record<string, string | File>>, string, string]>([
    ['no file', { purpose: 'user_data' }, 'file', 'file is missing, or is a text. Send a file with its name.'],
    ['a text', { ...whole, file: 'text' }, 'file', 'file is missing, or is a text. Send a file with its name.'],
    ['no content', { ...whole, file: file('a.md', '') }, 'file', 'file is empty. Send a file with content.'],
    ...['x'.repeat(256), ' ', 'docs/', 'a\u0001.md', 'a\u007f.md'].map(
      (name): [string, Readonly<Record<string, string | File>>, string, string] => [
        `the name ${JSON.stringify(name.slice(0, 9))}`,
        { ...whole, file: file(name) },
        'file',
        'The name of file must have 1 to 255 characters, without control characters.',
      ],
    ),
    ['no purpose', { file: file() }, 'purpose', 'purpose is missing. Send "assistants" or "user_data" or "batch".'],
    [
      'another purpose',
      { ...whole, purpose: 'x'.repeat(65) },
      'purpose',
      `purpose is "${'x'.repeat(64)}". Send "assistants" or "user_data" or "batch".`,
    ],
    [
      'an expiry without an anchor',
      { ...whole, 'expires_after[seconds]': '3600' },
      'expires_after.anchor',
      'expires_after.anchor must be "created_at".',
    ],
    [
      'another anchor',
      { ...whole, 'expires_after[anchor]': 'now' },
      'expires_after.anchor',
      'expires_after.anchor must be "created_at".',
    ],
    ['no seconds', { ...whole, ...anchor }, 'expires_after.seconds', seconds],
    ...['3599', '2592001', '3600.5', 'x'].map(
      (value): [string, Readonly<Record<string, string | File>>, string, string] => [
        `${value} s`,
        { ...whole, ...anchor, 'expires_after[seconds]': value },
        'expires_after.seconds',
        seconds,
      ],
    ),
  ])('with %s is refused', async (_, parts, param, message) => {
    await expect(upload(parts)).rejects.toMatchObject({ status: 400, param, message });
  });

  it('needs a whole body of its content type', async () => {
    const send = (headers: Record<string, string>, body: string) =>
      readUpload(new Request('http://x', { method: 'POST', headers, body }));
    await expect(send({ 'content-type': 'application/json' }, '{}')).rejects.toMatchObject({
      status: 415,
      code: 'unsupported_media_type',
      message: 'The content type is "application/json". Send multipart/form-data with file and purpose.',
    });
    await expect(send({ 'content-type': 'x-multipart/form-data' }, '')).rejects.toMatchObject({ status: 415 });
    await expect(send({ 'content-type': 'multipart/form-data; boundary=b' }, '--b')).rejects.toMatchObject({
      status: 400,
      code: 'invalid_multipart',
      message: 'The body is no whole multipart/form-data. Send file and purpose as its parts.',
    });
  });
});

describe('a body of feedback', () => {
  const read = (body: unknown) =>
    readFeedback(
      new Request('http://x', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );

  it.each([
    ['thumbs', true],
    ['correct', false],
    ['score', 0.75],
    ['preferred', { over: 'chatcmpl-2' }],
    ['correction', { answer: '4' }],
  ])('of the metric %s has its value', async (metric, value) => {
    expect(await read({ id: 'chatcmpl-1', metric, value })).toMatchObject({ id: 'chatcmpl-1', metric, value });
  });

  it.each([
    ['thumbs', 'A thumbs has for instance "value": true.'],
    ['correct', 'A correct has for instance "value": false.'],
    ['score', 'A score has for instance "value": 0.75.'],
    ['preferred', 'A preferred has for instance "value": { "over": "chatcmpl-…" }.'],
    ['correction', 'A correction has for instance "value": { "answer": "…" }.'],
  ])('of the metric %s with another value is told what it takes', async (metric, example) => {
    await expect(read({ id: 'chatcmpl-1', metric, value: 'x' })).rejects.toMatchObject({
      status: 400,
      param: 'value',
      message: expect.stringContaining(example),
    });
  });

  it('names the field that is wrong', async () => {
    const metric = 'metric must be one of thumbs, correct, score, preferred, correction; received';
    await expect(read({ id: 'chatcmpl-1' })).rejects.toMatchObject({ param: 'metric', message: `${metric} nothing.` });
    await expect(read({ metric: 5 })).rejects.toMatchObject({ message: `${metric} number.` });
    await expect(read({ metric: 'x'.repeat(41) })).rejects.toMatchObject({ message: `${metric} "${'x'.repeat(40)}".` });
    await expect(read({ metric: 'thumbs', value: true })).rejects.toMatchObject({
      param: 'id',
      message: expect.not.stringContaining('for instance'),
    });
    await expect(read({ id: 'a', metric: 'preferred', value: { over: 'a' } })).rejects.toMatchObject({
      param: 'value.over',
      message: 'value.over is the id of the same response. Give the id of the other response.',
    });
  });

  it('has at most 16 KiB', async () => {
    const body = (comment: string) => ({ id: 'chatcmpl-1', metric: 'thumbs', value: true, comment });
    await expect(read(body('x'.repeat(16_384)))).rejects.toMatchObject({
      status: 413,
      code: 'request_too_large',
      message: expect.stringMatching(
        /^The feedback has 16\d{3} bytes\. The maximum is 16384: shorten comment, tags or value\.answer\.$/,
      ),
    });
  });
});

describe('the items of a response', () => {
  const passage = { fileId: 'file_1', filename: 'a.md', score: 0.5, text: 'A florn is 17.', attributes: {} };
  const account = { passages: [passage] } as never;
  const text = (kind: 'thinking' | 'answer', value: string, forced = false) => ({ kind, text: value, forced }) as never;
  function items(options = {}) {
    let ids = 0;
    return new ResponseItems(() => String(++ids), options);
  }
  const types = (events: readonly { readonly type: string }[]) =>
    events.map(({ type }) => type.replace('response.', ''));

  it('are the reasoning and the message, each opened, filled and closed', () => {
    const response = items();
    expect(types(response.add(text('thinking', 'so')))).toEqual([
      ...['output_item.added', 'content_part.added', 'reasoning_text.delta'],
    ]);
    expect(response.add(text('thinking', 'Wait', true))).toEqual([
      {
        type: 'response.reasoning_text.delta',
        item_id: 'rs_1',
        output_index: 0,
        content_index: 0,
        delta: 'Wait',
        forced: true,
      },
    ]);
    expect(types(response.add(text('answer', '4')))).toEqual([
      ...['reasoning_text.done', 'content_part.done', 'output_item.done'],
      ...['output_item.added', 'content_part.added', 'output_text.delta'],
    ]);
    expect(response.close('incomplete')).toMatchObject([
      { type: 'response.output_text.done', item_id: 'msg_2', output_index: 1, text: '4', logprobs: [] },
      { type: 'response.content_part.done', part: { type: 'output_text', text: '4' } },
      { type: 'response.output_item.done', item: { status: 'incomplete' } },
    ]);
    expect(response.close()).toEqual([]);
    expect(response.output).toEqual([
      {
        id: 'rs_1',
        type: 'reasoning',
        status: 'completed',
        summary: [],
        content: [{ type: 'reasoning_text', text: 'soWait' }],
      },
      {
        id: 'msg_2',
        type: 'message',
        status: 'incomplete',
        role: 'assistant',
        content: [{ type: 'output_text', text: '4', annotations: [], logprobs: [] }],
      },
    ]);
  });

  it('are calls with their arguments', () => {
    const response = items();
    expect(() => response.add({ kind: 'arguments', text: '{' } as never)).toThrow('Arguments came before their call.');
    expect(types(response.add({ kind: 'call', name: 'f' } as never))).toEqual(['output_item.added']);
    expect(response.add({ kind: 'arguments', text: '{}' } as never)).toEqual([
      { type: 'response.function_call_arguments.delta', item_id: 'fc_1', output_index: 0, delta: '{}' },
    ]);
    expect(response.add({ kind: 'call-end', complete: true } as never)).toMatchObject([
      { type: 'response.function_call_arguments.done', name: 'f', arguments: '{}' },
      { type: 'response.output_item.done' },
    ]);
    response.add({ kind: 'call', name: 'g' } as never);
    response.add({ kind: 'call-end', complete: false } as never);
    expect(response.output).toEqual([
      { id: 'fc_1', type: 'function_call', status: 'completed', call_id: 'call_2', name: 'f', arguments: '{}' },
      { id: 'fc_3', type: 'function_call', status: 'incomplete', call_id: 'call_4', name: 'g', arguments: '' },
    ]);
  });

  it('are one search, whose passages the answer cites', () => {
    const response = items({ cites: true, showsResults: true });
    expect(types(response.lookup({ query: 'q' } as never))).toEqual([
      ...['output_item.added', 'file_search_call.in_progress', 'file_search_call.searching'],
    ]);
    expect(response.output).toEqual([
      { id: 'fs_1', type: 'file_search_call', status: 'in_progress', queries: ['q'], results: null },
    ]);
    expect(response.lookup({ query: 'q' } as never)).toEqual([]);
    expect(types(response.lookup({ query: 'q', account } as never))).toEqual([
      ...['file_search_call.completed', 'output_item.done'],
    ]);
    // Another model reads the same passages.
    expect(response.lookup({ query: 'q', account } as never)).toEqual([]);
    expect(types(response.add(text('thinking', 'see [1]')))).not.toContain('output_text.annotation.added');
    const cited = response.add(text('answer', 'It is 17 [1].'));
    expect(cited.at(-1)).toEqual({
      type: 'response.output_text.annotation.added',
      item_id: 'msg_3',
      output_index: 2,
      content_index: 0,
      annotation_index: 0,
      annotation: { type: 'file_citation', index: 9, file_id: 'file_1', filename: 'a.md' },
    });
    expect(response.output[0]).toMatchObject({
      status: 'completed',
      results: [{ file_id: 'file_1', filename: 'a.md', score: 0.5, text: 'A florn is 17.', attributes: {} }],
    });
  });

  it('are a search that failed, was cut, or ended at once', () => {
    const failed = items();
    expect(types(failed.lookup({ query: 'q', account: { passages: [], failure: 'x' } } as never))).toEqual([
      ...['output_item.added', 'file_search_call.in_progress', 'file_search_call.searching', 'output_item.done'],
    ]);
    expect(failed.output).toMatchObject([{ status: 'failed', results: null }]);
    const cut = items();
    cut.lookup({ query: 'q' } as never);
    expect(types(cut.close())).toEqual(['output_item.done']);
    expect(cut.output).toMatchObject([{ status: 'incomplete' }]);
    const plain = items();
    plain.lookup({ query: 'q', account } as never);
    const events = plain.add(text('answer', '17 [1]'));
    expect(types(events)).not.toContain('output_text.annotation.added');
  });
});

describe('the model that a request names', () => {
  const offer = {
    models: [scriptedModel('small', []), scriptedModel('large', [])],
    aliases: { best: 'large', both: 'auto', gone: 'nowhere' },
    routes: [{ id: 'auto', models: ['small', 'large'], escalate: { unsure_below: 0.5 }, pass_thought: false }],
  };
  const caller = (models?: readonly string[]) =>
    ({ id: 'k', admin: false, limits: models === undefined ? {} : { models: [...models] } }) as const;
  const names = (models?: readonly string[]) => allowedTargets(offer, caller(models)).map(({ name }) => name);

  it('is one of those that its key allows, with the routes over them and the aliases of both', () => {
    expect(names()).toEqual(['small', 'large', 'auto', 'best', 'both']);
    expect(names(['small'])).toEqual(['small']);
    expect(names(['large'])).toEqual(['large', 'best']);
    expect(allowedTargets({ models: offer.models }, caller()).map(({ name }) => name)).toEqual(['small', 'large']);
  });

  it('is found by id or alias', () => {
    expect(findModel(offer, 'best', caller()).settings.id).toBe('large');
    const { model, route } = findTarget(offer, 'both', caller());
    expect([model.settings.id, route?.settings.id, route?.further.map(({ settings }) => settings.id)]).toEqual([
      ...['small', 'auto', ['large']],
    ]);
  });

  it('is refused with what the caller may use', () => {
    const unknown = (id: string, models?: readonly string[]) => () => findTarget(offer, id, caller(models));
    expect(unknown('x'.repeat(200))).toThrow(
      expect.objectContaining({
        status: 404,
        param: 'model',
        code: 'model_not_found',
        message: `Unknown model "${'x'.repeat(128)}". Available models: "small", "large", "auto", "best", "both".`,
      }),
    );
    expect(unknown('large', ['small'])).toThrow('Unknown model "large". Available models: "small".');
    expect(unknown('small', ['none'])).toThrow('Available models: none.');
    expect(unknown('gone')).toThrow('Unknown model "gone".');
    expect(unknown('both', ['small'])).toThrow(
      expect.objectContaining({
        status: 403,
        code: 'model_not_allowed',
        message:
          'This key may not use the route "both", because it does not allow the model "large" of it. Have an operator allow every model of the route ("small", "large"), or name a model that the key allows.',
      }),
    );
    expect(unknown('auto', ['none'])).toThrow('because it does not allow the models "small", "large" of it.');
    expect(() => findModel(offer, 'auto', caller())).toThrow(
      expect.objectContaining({
        status: 400,
        code: 'route_unsupported',
        message:
          '"auto" is a route over "small", "large", but a raw prompt is written for one model. Name one of these models.',
      }),
    );
  });
});

describe('log-probabilities of a completion', () => {
  const tokens = [
    { token: 'ab', logprob: -1, top: [{ token: 'x', logprob: -0.5 }] },
    { token: 'c', logprob: -2, top: [] },
  ];

  it('have each token, its place, and itself among the most likely ones', () => {
    expect(toLogprobs(tokens, { echoed: false, from: 10 })).toEqual({
      tokens: ['ab', 'c'],
      token_logprobs: [-1, -2],
      top_logprobs: [{ ab: -1, x: -0.5 }, { c: -2 }],
      text_offset: [10, 12],
    });
    expect(toLogprobs(tokens, { echoed: true })).toMatchObject({
      token_logprobs: [null, -2],
      top_logprobs: [null, { c: -2 }],
      text_offset: [0, 2],
    });
    expect(toLogprobs([], { echoed: true })).toBeNull();
  });
});
