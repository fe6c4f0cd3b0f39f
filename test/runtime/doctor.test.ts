import { jest } from '@jest/globals';
import { Command } from 'commander';
import { registerDoctor } from '../../lib/cli/doctor.js';
import { doctor } from '../../lib/runtime/doctor.js';
import { type FakeMachine, fakeMachine, fakePip } from './fake-machine.js';

let machine: FakeMachine;
beforeEach(() => {
  machine = fakeMachine();
});
afterEach(() => machine.remove());

test('a machine with tools and pip can train, and is told what set-up will do', async () => {
  machine.toolchain();
  fakePip(machine, 'exit 1');
  const report = await doctor({ env: machine.env });
  expect(report).toMatchObject({
    ok: true,
    compiler: 'c++ (Debian 12.2.0-14) 12.2.0',
    cmake: 'cmake version 3.25.1',
    pip: '24.0 (python3 -m pip)',
    libtorch: null,
    cache: { folder: machine.cache },
    environment: { SER_CACHE: machine.cache },
  });
  expect(report.cache.freeBytes).toBeGreaterThan(0);
  expect(report.problems.filter((problem) => problem.blocking)).toEqual([]);
  expect(machine.cached()).toEqual([]);
});

test('a bare machine cannot, and each problem has its cure', async () => {
  const report = await doctor({ env: machine.env });
  expect(report.ok).toBe(false);
  const blocking = report.problems.filter((problem) => problem.blocking);
  expect(blocking.map((problem) => problem.text).join('\n')).toMatch(/C\+\+ compiler[\s\S]*LibTorch/);
  for (const problem of report.problems) expect(problem.cure).not.toBe('');
});

test('a wrong SER_LIBTORCH blocks', async () => {
  machine.toolchain();
  const report = await doctor({ env: { ...machine.env, SER_LIBTORCH: machine.folder } });
  expect(report.ok).toBe(false);
  expect(report.problems.find((problem) => problem.text.includes('SER_LIBTORCH'))?.blocking).toBe(true);
});

test('the command prints JSON to stdout and ends with 4 where training cannot run', async () => {
  const written: string[] = [];
  const write = jest
    .spyOn(process.stdout, 'write')
    .mockImplementation((text) => written.push(String(text)) > 0);
  const saved = { ...process.env };
  const savedCode = process.exitCode;
  try {
    Object.assign(process.env, machine.env);
    const program = new Command('ser-native');
    registerDoctor(program);
    await program.parseAsync(['doctor', '--json'], { from: 'user' });
    expect(process.exitCode).toBe(4);
    expect(JSON.parse(written.join(''))).toMatchObject({ schema: 1, ok: false, node: process.version });
  } finally {
    write.mockRestore();
    process.exitCode = savedCode;
    process.env.PATH = saved.PATH;
    for (const name of ['SER_CACHE', 'HOME', 'TMPDIR']) {
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
    }
  }
});
