import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Command } from 'commander';
import { pullReporter, registerPull } from '../../lib/cli/pull.js';
import { openTerminal } from '../../lib/cli/terminal.js';
import { failure } from './failure.js';
import { COMMIT, FakeHub, wavlmFiles } from './hub-fixtures.js';

const ID = 'microsoft/wavlm-base';
const environment = { ...process.env };
let home: string;
let hub: FakeHub;
let out: string;
let err: string;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'ser-pull-'));
  hub = await FakeHub.start();
  hub.add(ID, wavlmFiles(), COMMIT, ['main', 'v1']);
  for (const name of Object.keys(process.env))
    if (/^(HF_|HUGGING|TRANSFORMERS_)/.test(name)) delete process.env[name];
  Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, HF_HOME: home });
  out = '';
  err = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  process.env = { ...environment };
  await hub.stop();
  rmSync(home, { recursive: true, force: true });
});

async function run(...argv: string[]): Promise<void> {
  const program = new Command().exitOverride();
  registerPull(program);
  await program.parseAsync(['pull', ...argv], { from: 'user' });
}

test('says what was fetched, what it is and where it lies; the second time, that it was there', async () => {
  await run(ID);
  const directory = join(home, 'hub', 'models--microsoft--wavlm-base', 'snapshots', COMMIT);
  const facts =
    `Model     ${ID} (0123456789ab)\n` +
    `Encoder   WavLM, 12 layers x 768; weights 300 kB\n` +
    `Folder    ${directory}\n`;
  expect(out).toBe(facts);
  expect(err).toContain('model.safetensors');
  out = '';
  await run(ID);
  expect(out).toBe(`All there, nothing to fetch\n${facts}`);
});

test('--json gives the result as one line and events as lines', async () => {
  await run(ID, '--revision', 'v1', '--json');
  expect(JSON.parse(out)).toMatchObject({
    source: `${ID}@v1`,
    commit: COMMIT,
    weightBytes: 300_000,
    config: { kind: 'ssl', family: 'wavlm' },
  });
  const types = err
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { type: string }).type);
  expect(types[0]).toBe('plan');
  expect(types.at(-1)).toBe('done');
});

test('a folder is nothing to pull, and no handler of Ctrl-C is left', async () => {
  const before = process.listenerCount('SIGINT');
  expect(await failure(run('./models/mine'))).toMatchObject({ code: 'E_HUB_ID', exitCode: 2 });
  expect(await failure(run('org/none'))).toMatchObject({ code: 'E_HUB_NOT_FOUND' });
  expect(process.listenerCount('SIGINT')).toBe(before);
});

test('a terminal shows a bar with the time that is left', () => {
  let shown = '';
  const stream = { isTTY: true, columns: 100, write: (text: string) => (shown += text) };
  const report = pullReporter(openTerminal(stream as unknown as NodeJS.WriteStream, { NO_COLOR: '1' }));
  const clock = jest.spyOn(performance, 'now').mockReturnValue(1000);
  report({
    type: 'plan',
    source: ID,
    commit: COMMIT,
    directory: '/cache',
    files: [{ name: 'model.safetensors', bytes: 100e6, cached: false }],
    bytes: 80e6,
  });
  report({ type: 'progress', name: 'model.safetensors', done: 20e6, total: 100e6 });
  clock.mockReturnValue(11_000);
  report({ type: 'progress', name: 'model.safetensors', done: 60e6, total: 100e6 });
  expect(shown).toContain(`Fetching ${ID} (80 MB)`);
  expect(shown).toMatch(/\[=+> +\] 60 MB\/100 MB {2}10\.0 s left/);
});
