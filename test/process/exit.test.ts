/** However a process ends, it ends: no hang, no crash, the right exit code. */
import { describe, expect, test } from '@jest/globals';
import { runProgram } from './run-program.js';

describe('a process ends by itself', () => {
  test.each(['', 'dispose'])('after work, with %p', async (how) => {
    const ending = await runProgram('finish.mjs', [how]);
    expect(ending).toMatchObject({ code: 0, signal: null, hung: false, stdout: 'done\n', stderr: '' });
  });

  test('after calls that were under way at its end', async () => {
    const ending = await runProgram('finish-pending.mjs');
    expect(ending).toMatchObject({ code: 0, signal: null, hung: false, stderr: '' });
    expect(ending.stdout).toBe('call 1\ncall 2\ncall 3\ndone\n');
  });

  test('after an engine was disposed of while busy', async () => {
    const ending = await runProgram('end-busy.mjs', ['dispose']);
    expect(ending).toMatchObject({ code: 0, signal: null, hung: false, stdout: 'done\n', stderr: '' });
  });
});

describe('a process is ended while the engine is busy', () => {
  test.each([
    ['exit', 7, ''],
    ['exit-in-handler', 7, ''],
    ['throw', 1, 'thrown on purpose'],
    ['throw-handled', 9, ''],
    ['reject', 1, 'rejected on purpose'],
  ])('by %s', async (way, code, said) => {
    const ending = await runProgram('end-busy.mjs', [way]);
    expect(ending).toMatchObject({ code, signal: null, hung: false });
    expect(ending.stderr).toContain(said);
    if (said === '') expect(ending.stderr).toBe('');
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('by %s with the default action', async (signal) => {
    const ending = await runProgram('end-busy.mjs', ['signal'], signal);
    expect(ending).toMatchObject({ code: null, signal, hung: false });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by a handler of %s', async (signal, code) => {
    const ending = await runProgram('end-busy.mjs', ['signal-handled'], signal);
    expect(ending).toMatchObject({ code, signal: null, hung: false, stderr: '' });
  });
});

describe('an addon that is loaded several times in one thread', () => {
  test.each([
    ['', 0],
    ['busy', 7],
  ])('works and ends, %s', async (how, code) => {
    const ending = await runProgram('load-twice.mjs', [how]);
    expect(ending).toMatchObject({ code, signal: null, hung: false, stderr: '' });
    expect(ending.stdout).toMatch(/^[23] instances\n$/);
  });
});
