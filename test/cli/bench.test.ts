import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fakePython } from '../bench/fake-python.js';
import { run, start } from './command.js';

const fixture = fileURLToPath(new URL('../fixtures/encoders/wavlm-base-like', import.meta.url));
const QUICK = [
  'bench',
  '--steps=2',
  '--warmup=1',
  '--batch=3',
  '--seconds=1',
  '--precision=fp32',
  '--no-kernels',
];

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-bench-cli-'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

describe('ser-native bench', () => {
  it('prints a table on stdout, progress on stderr, and writes JSON where a file is named', async () => {
    const { code, stdout, stderr } = await run([...QUICK, '--encoder', fixture, '--json', 'out/bench.json'], {
      cwd,
    });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^device /);
    expect(stdout).toMatch(/wavlm-base-like +train +fp32 +1 s +fixed/);
    expect(stderr).toMatch(/measured {2}.*wavlm-base-like inference/);
    const written = JSON.parse(await readFile(join(cwd, 'out/bench.json'), 'utf8'));
    expect(written).toMatchObject({
      schema: 'ser-native/bench@1',
      command: expect.stringMatching(/^ser-native bench/),
    });
    expect(written.measurements).toHaveLength(2);
  });

  it('prints JSON alone with --json, also beside a peer', async () => {
    const python = await fakePython(cwd);
    const { code, stdout } = await run(
      [
        ...QUICK,
        '--encoder',
        fixture,
        '--task=inference',
        '--compare=transformers',
        '--python',
        python,
        '--json',
      ],
      { cwd },
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout).peer.comparisons[0].rows).toHaveLength(3);
  });

  it('tells that a peer is missing and ends well', async () => {
    const { code, stdout } = await run(
      [...QUICK, '--encoder', fixture, '--task=inference', '--compare=transformers', '--python=./nowhere'],
      { cwd },
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/note: no comparison with transformers/);
  });

  it.each([
    [['--task=dance'], 2, /unknown: dance; there are inference/],
    [['--seconds=0'], 2, /above 0/],
    [['--encoder=wavlm-huge'], 2, /no encoder is called/],
    [['--encoder=./nowhere'], 3, /nowhere does not exist/],
  ])('ends with %j as other commands do', async (flags, expected, message) => {
    const { code, stderr } = await run([...QUICK, ...flags], { cwd });
    expect(code).toBe(expected);
    expect(stderr).toMatch(message);
  });

  it('ends on Ctrl-C with 130, and leaves no peer behind', async () => {
    const python = await fakePython(cwd);
    const running = start(
      [...QUICK, '--steps=100000', '--encoder', fixture, '--compare=transformers', '--python', python],
      { cwd },
    );
    const pid = join(cwd, 'peer-never.mjs.pid');
    await rm(pid, { force: true });
    while (!existsSync(pid)) await new Promise((resolve) => setTimeout(resolve, 100));
    running.child.kill('SIGINT');
    const { code, stdout } = await running.finished;
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    const peer = Number(await readFile(pid, 'utf8'));
    // Killed, but perhaps not yet gone.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(() => process.kill(peer, 0)).toThrow(/ESRCH/);
  });
});
