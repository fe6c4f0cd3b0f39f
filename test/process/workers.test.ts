/** Worker threads have an engine each; neither their end nor the process' end under them hangs or crashes. */
import { describe, expect, test } from '@jest/globals';
import { runProgram } from './run-program.js';

describe('workers', () => {
  test.each([
    ['two', 'work at the same time', 'worked  0, worked  0\n'],
    ['pending', 'end after calls that were under way at their end', 'worked  0\n'],
    ['exit', 'exit while busy', 'busy  3\n'],
    ['throw', 'throw while busy', 'busy thrown on purpose 1\n'],
    ['terminate', 'are terminated while busy, and others work after', 'worked  0\n'],
    ['terminate-early', 'are terminated while they start', 'survived\n'],
    ['main-ends', 'are left behind by a main thread that ends', 'left it behind\n'],
  ])('%s: %s', async (scenario, _, said) => {
    const ending = await runProgram('workers.mjs', [scenario]);
    expect(ending).toMatchObject({ code: 0, signal: null, hung: false, stderr: '', stdout: said });
  });

  test.each([
    ['main-exit', 5],
    ['main-and-worker-busy-exit', 5],
    ['main-throw', 1],
  ])('are busy while the process ends: %s', async (scenario, code) => {
    const ending = await runProgram('workers.mjs', [scenario]);
    expect(ending).toMatchObject({ code, signal: null, hung: false });
  });
});
