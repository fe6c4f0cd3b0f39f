import { setupReporter } from '../../lib/cli/setup-progress.js';
import { openTerminal, progressBar } from '../../lib/cli/terminal.js';
import { formatDuration } from '../../lib/format.js';

/** A stream that keeps what it is given. */
function sink(isTTY: boolean): { stream: Parameters<typeof openTerminal>[0]; text: () => string } {
  let text = '';
  const stream = {
    isTTY,
    columns: 40,
    write: (chunk: string) => {
      text += chunk;
      return true;
    },
  } as unknown as Parameters<typeof openTerminal>[0];
  return { stream, text: () => text };
}

test('no colour and no live line where the stream is no terminal', () => {
  const { stream, text } = sink(false);
  const terminal = openTerminal(stream, {});
  terminal.live('half done');
  terminal.line(terminal.red('finished'));
  expect(text()).toBe('finished\n');
});

test('NO_COLOR switches colours off on a terminal, and the live line stays', () => {
  const { stream, text } = sink(true);
  const terminal = openTerminal(stream, { NO_COLOR: '1' });
  expect(terminal.green('x')).toBe('x');
  terminal.live('half done');
  expect(text()).toContain('half done');
});

test('a live line is cut to the terminal and removed before a whole line', () => {
  const { stream, text } = sink(true);
  const terminal = openTerminal(stream, {});
  terminal.live('y'.repeat(100));
  expect(text()).toBe(`\r\x1b[2K${'y'.repeat(39)}`);
  terminal.line('z');
  expect(text().endsWith('\r\x1b[2Kz\n')).toBe(true);
});

test('set-up prints its plan and one line a step where there is no terminal', () => {
  const { stream, text } = sink(false);
  const report = setupReporter(openTerminal(stream, {}));
  report({ type: 'plan', steps: ['Variant cpu', 'Fetch'] });
  report({ type: 'stage', stage: 'download', text: 'Downloading torch' });
  for (let done = 0; done <= 5e6; done += 1e6)
    report({ type: 'progress', stage: 'download', done, total: 5e6, unit: 'bytes' });
  report({ type: 'done', seconds: 75, text: 'LibTorch is ready' });
  expect(text().replace(/\d+ ms/, 'N ms')).toBe(
    'Set-up (once; later commands find it done)\n  Variant cpu\n  1. Fetch\n\n  Downloading torch  N ms, 5 MB\ndone LibTorch is ready; set-up took 1 min 15 s\n\n',
  );
});

test.each([
  [0.25, '250 ms'],
  [9.44, '9.4 s'],
  [59.97, '1 min 00 s'],
  [3599.6, '1 h 00 min'],
  [Number.POSITIVE_INFINITY, '–'],
])('%d s is written %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([-1, 0, 0.01, 0.5, 0.99, 1, 1.3])('a bar for %d has its width', (share) => {
  expect(progressBar(share, 20)).toHaveLength(20);
});
