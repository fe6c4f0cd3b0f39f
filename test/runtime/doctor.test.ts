import { jest } from '@jest/globals';
import { Command } from 'commander';
import { registerDoctor } from '../../lib/cli/doctor.js';
import { doctor } from '../../lib/runtime/doctor.js';
import { type FakeMachine, fakeMachine, fakePip, REAL_DRIVER, REAL_TOOLKIT } from './fake-machine.js';

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

describe('GPUs', () => {
  const texts = async (): Promise<string> => {
    const { problems } = await doctor({ env: machine.env });
    expect(problems.filter(({ text }) => /GPU|CUDA/.test(text)).every(({ blocking }) => !blocking)).toBe(
      true,
    );
    return problems.map(({ text, cure }) => `${text} ${cure}`).join('\n');
  };

  (REAL_DRIVER || REAL_TOOLKIT ? test.skip : test)(
    'a machine without a driver is told nothing of GPUs',
    async () => {
      expect(await texts()).not.toMatch(/GPU|CUDA/);
      expect(await doctor({ env: machine.env })).toMatchObject({
        driver: { version: null, gpus: [] },
        nvcc: null,
        cuda: null,
        computesOn: 'cpu',
      });
    },
  );

  test('GPUs of different kinds are named, and how to choose; so is the variant that is not set up', async () => {
    machine.program(
      'nvidia-smi',
      'echo "580.95.05, NVIDIA A100, 40960, 0, 8.0"; echo "580.95.05, NVIDIA L4, 23034, 1200, 8.9"',
    );
    machine.program('nvcc', 'echo "Cuda compilation tools, release 13.0, V13.0.88"');
    const told = await texts();
    expect(told).toMatch(/The GPUs differ \(NVIDIA A100, NVIDIA L4\)[\s\S]*CUDA_VISIBLE_DEVICES=1/);
    expect(told).toMatch(/variant is not set up\. Run `npx ser-native setup --variant cuda`/);
    expect((await doctor({ env: machine.env })).nvcc).toMatch(/^13\.0 \(.+nvcc\)$/);
  });

  test('a driver that is too old is a note with its cure', async () => {
    machine.program('nvidia-smi', 'echo "535.183.01, NVIDIA A100, 40960, 0, 8.0"');
    expect(await texts()).toMatch(/No GPU can be used: the NVIDIA driver is 535\.183\.01.*580/);
  });
});
