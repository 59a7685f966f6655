import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { commandGrader, type ExternalGrader, mathVerifyGrader, urlGrader } from '../../../evaluate/graders/external.ts';

const answered = { question: 'What is 1 + 1?', expected: '2', answer: 'The answer is 2.' };
let grader: ExternalGrader | undefined;
let server: Server | undefined;

afterEach(() => {
  grader?.close();
  server?.close();
  server?.closeAllConnections();
  grader = server = undefined;
});

/** A grader that runs JavaScript for each line, as `line`. */
const script = (code: string, timeoutMs = 20_000) => {
  const loop = `require('readline').createInterface({ input: process.stdin }).on('line', (text) => { const line = JSON.parse(text); ${code} })`;
  grader = commandGrader([process.execPath, '-e', loop], timeoutMs);
  return grader;
};
const reply = 'console.log(JSON.stringify({ right: line.answer.includes(line.expected), key: line.question }))';

describe('A grader that is a command', () => {
  it('gets question, expected answer and answer, and gives a verdict and a key', async () => {
    expect(await script(reply).grade(answered)).toEqual({ right: true, key: 'What is 1 + 1?' });
  });

  it('gives each of many answers its own verdict', async () => {
    const { grade } = script(reply);
    const verdicts = await Promise.all([2, 3, 2, 4].map((number) => grade({ ...answered, answer: String(number) })));
    expect(verdicts.map(({ right }) => right)).toEqual([true, false, true, false]);
  });

  it('may end after each answer, with or without the end of the line', async () => {
    const { grade } = script(`process.stdout.write(JSON.stringify({ right: true })); process.exit(0)`);
    for (let times = 0; times < 3; times++) expect(await grade(answered)).toEqual({ right: true, key: null });
  });

  it('is killed if it takes too long, and the answer counts as wrong', async () => {
    const { grade } = script(`if (line.answer === 'slow') for (;;); ${reply}`, 3_000);
    expect(await grade({ ...answered, answer: 'slow' })).toMatchObject({
      right: false,
      note: expect.stringMatching(/3 s/),
    });
    expect(await grade(answered)).toMatchObject({ right: true });
  });

  it('runs without a shell', async () => {
    grader = commandGrader(
      [
        process.execPath,
        '-e',
        'console.log(JSON.stringify({right: true, key: process.argv[1]}))',
        '$(id); `id` && true',
      ],
      20_000,
    );
    expect(await grader.grade(answered)).toEqual({ right: true, key: '$(id); `id` && true' });
  });

  it.each([
    ['console.log("yes")', /gave "yes". It must give a JSON object/],
    ['console.log("{}")', /must give/],
    ['process.exit(3)', /ended without a verdict \(exit code 3\)/],
    ['console.log("x".repeat(2000000).replace(/\\n/g, ""))', /characters/],
  ])('fails with a sentence after %s', async (code, message) => {
    await expect(script(code).grade(answered)).rejects.toThrow(message);
  });

  it('fails with a sentence if there is no such program', async () => {
    grader = commandGrader(['/no/such/grader'], 1_000);
    await expect(grader.grade(answered)).rejects.toThrow(/cannot be run/);
  });
});

describe('A grader at a URL', () => {
  const serve = async (status: number, body: string, delayMs = 0) => {
    const listening = createServer(async (request, response) => {
      let text = '';
      for await (const part of request) text += String(part);
      setTimeout(() => response.writeHead(status).end(body.replace('BODY', () => JSON.stringify(text))), delayMs);
    }).listen(0, '127.0.0.1');
    server = listening;
    await new Promise((resolve) => listening.once('listening', resolve));
    return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`;
  };

  it('is sent JSON, and gives a verdict', async () => {
    const { key, right } = await urlGrader(await serve(200, '{"right":true,"key":BODY}'), 5_000).grade(answered);
    expect(right).toBe(true);
    expect(JSON.parse(key ?? '')).toEqual(answered);
  });

  it('counts an answer as wrong if it takes too long', async () => {
    const url = await serve(200, '{"right":true}', 2_000);
    expect(await urlGrader(url, 100).grade(answered)).toMatchObject({
      right: false,
      note: expect.stringMatching(/0.1 s/),
    });
  });

  it('fails with a sentence for another status, another body, or no server', async () => {
    const url = await serve(500, 'broken');
    await expect(urlGrader(url, 5_000).grade(answered)).rejects.toThrow(/answered 500: broken/);
    server?.close();
    await expect(urlGrader('http://127.0.0.1:1/', 5_000).grade(answered)).rejects.toThrow(/cannot be reached/);
    await expect(urlGrader(await serve(200, 'true'), 5_000).grade(answered)).rejects.toThrow(/must give/);
  });
});

describe('math-verify', () => {
  it('is refused with what to install if Python does not have it', async () => {
    await expect(mathVerifyGrader(process.execPath, 5_000)).rejects.toThrow(/pip install math-verify.*--grader-python/);
    await expect(mathVerifyGrader('/no/such/python', 5_000)).rejects.toThrow(/--grader-python/);
  });
});
