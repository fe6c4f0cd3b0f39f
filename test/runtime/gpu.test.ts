/** Drivers and GPUs that are not there: an `nvidia-smi` of shell, and the kernel module's files in a temporary folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { driverVersion, findDriver, requireGpu } from '../../lib/runtime/gpu.js';
import { type FakeMachine, fakeMachine } from './fake-machine.js';

let machine: FakeMachine;
beforeEach(() => {
  machine = fakeMachine();
});
afterEach(() => machine.remove());

function smi(...rows: string[]): void {
  machine.program('nvidia-smi', rows.map((row) => `echo "${row}"`).join('\n') || ':');
}

function file(path: string, text: string): void {
  mkdirSync(dirname(join(machine.folder, path)), { recursive: true });
  writeFileSync(join(machine.folder, path), text);
}

const find = (env: NodeJS.ProcessEnv = {}) =>
  findDriver({ env: { ...machine.env, ...env }, root: machine.folder });

const H100 = '580.95.05, NVIDIA H100 80GB HBM3, 81559, 4, 9.0';

test('a driver that is new enough with a GPU that will do has no problem', async () => {
  smi(H100);
  const driver = await find();
  expect(driver).toEqual({
    version: '580.95.05',
    gpus: [
      {
        name: 'NVIDIA H100 80GB HBM3',
        memoryBytes: 81559 * 2 ** 20,
        usedBytes: 4 * 2 ** 20,
        capability: '9.0',
      },
    ],
  });
  expect(() => requireGpu(driver)).not.toThrow();
  expect(await driverVersion({ env: machine.env, root: machine.folder })).toBe('580.95.05');
});

test.each<[string, string[] | null, NodeJS.ProcessEnv, RegExp]>([
  ['no driver', null, {}, /no NVIDIA driver was found/],
  [
    'a driver too old for CUDA 13',
    ['535.183.01, NVIDIA A100, 40960, 0, 8.0'],
    {},
    /535\.183\.01, and CUDA 13 needs 580/,
  ],
  [
    'a GPU too old',
    ['580.95.05, Tesla V100, 16384, 0, 7.0'],
    {},
    /capability 8\.0 or newer is needed, and Tesla V100 has 7\.0/,
  ],
  ['a driver without a GPU', [], {}, /no NVIDIA driver|finds no GPU/],
  ['CUDA_VISIBLE_DEVICES empty', [H100], { CUDA_VISIBLE_DEVICES: '' }, /CUDA_VISIBLE_DEVICES is ''/],
  ['CUDA_VISIBLE_DEVICES -1', [H100], { CUDA_VISIBLE_DEVICES: '-1' }, /CUDA_VISIBLE_DEVICES is '-1'/],
])('%s is a sentence with its cure, exit code 4', async (_name, rows, env, sentence) => {
  if (rows !== null) smi(...rows);
  const driver = await find(env);
  expect(driver.problem).toMatch(sentence);
  let error: unknown;
  try {
    requireGpu(driver);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({
    code: 'E_DEVICE',
    exitCode: 4,
    message: expect.stringMatching(sentence),
    cure: expect.stringContaining('--device cpu'),
  });
});

test('an nvidia-smi that fails says what it said', async () => {
  machine.program(
    'nvidia-smi',
    'echo "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver."; exit 9',
  );
  expect((await find()).problem).toMatch(/nvidia-smi fails \(NVIDIA-SMI has failed because/);
});

test('one GPU that will do among older ones is enough', async () => {
  smi('580.95.05, Tesla V100, 16384, 0, 7.0', H100);
  expect(await find()).toMatchObject({ version: '580.95.05', gpus: [{ name: 'Tesla V100' }, {}] });
  expect((await find()).problem).toBeUndefined();
});

describe('without nvidia-smi the kernel module is asked', () => {
  beforeEach(() => {
    file(
      'proc/driver/nvidia/version',
      'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (root@host)\nGCC version: 12\n',
    );
    file('proc/driver/nvidia/gpus/0000:01:00.0/information', 'Model: \t\t NVIDIA L40S\nIRQ:   123\n');
  });

  test('and serves with the driver library', async () => {
    file('usr/lib64/libcuda.so.1', '');
    expect(await find()).toEqual({
      version: '580.65.06',
      gpus: [{ name: 'NVIDIA L40S', memoryBytes: null, usedBytes: null, capability: null }],
    });
  });

  test('but not in a container without it', async () => {
    expect((await find()).problem).toMatch(/libcuda\.so\.1 is not here/);
    expect((await find()).cure).toMatch(/--gpus all/);
  });
});
