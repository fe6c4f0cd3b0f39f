import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { addonPlace } from '../../lib/runtime/build.js';
import { chooseVariant } from '../../lib/runtime/choose-variant.js';
import { findLibTorch } from '../../lib/runtime/libtorch.js';
import { type FakeMachine, fakeMachine, REAL_DRIVER } from './fake-machine.js';
import { torchWheelEntries } from './make-zip.js';

let machine: FakeMachine;
beforeEach(() => {
  machine = fakeMachine();
});
afterEach(() => machine.remove());

const withGpu = (): void => machine.program('nvidia-smi', 'echo "580.95.05, NVIDIA H100, 81559, 4, 9.0"');

const withoutDriver = REAL_DRIVER ? test.skip : test;

withoutDriver('a machine without a driver computes on the CPU and is told nothing', async () => {
  expect(await chooseVariant('auto', machine.env)).toEqual({ variant: 'cpu', device: 'cpu' });
  expect(await chooseVariant('cpu', machine.env)).toEqual({ variant: 'cpu', device: 'cpu' });
});

withoutDriver('cuda on a machine without a driver is a sentence, exit code 4', async () => {
  await expect(chooseVariant('cuda', machine.env)).rejects.toMatchObject({
    code: 'E_DEVICE',
    exitCode: 4,
    message: expect.stringMatching(/no NVIDIA driver/),
    cure: expect.stringContaining('--device cpu'),
  });
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('a GPU that nothing is set up for is offered, not taken: no download without a yes', async () => {
  withGpu();
  expect(await chooseVariant('auto', machine.env)).toEqual({
    variant: 'cpu',
    device: 'cpu',
    offer: true,
    note: expect.stringMatching(/NVIDIA H100.*setup --variant cuda/),
  });
  expect(await chooseVariant('cuda', machine.env)).toEqual({ variant: 'cuda', device: 'cuda', offer: true });
  expect(existsSync(machine.cache)).toBe(false);
});

onLinux('cpu never asks the driver', async () => {
  machine.program('nvidia-smi', 'echo called >> "$HOME/called"; exit 1');
  await chooseVariant('cpu', machine.env);
  expect(existsSync(`${machine.folder}/called`)).toBe(false);
});

describe('with the CUDA variant compiled', () => {
  beforeEach(async () => {
    const folder = join(machine.folder, 'site-packages');
    const write = (path: string, data: Buffer | string): void => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, data);
    };
    for (const { name, data } of [
      ...torchWheelEntries('2.13.0', true),
      { name: 'torch/lib/libc10_cuda.so', data: 'c10_cuda' },
    ])
      write(join(folder, name), data);
    machine.env.SER_LIBTORCH = folder;
    const libtorch = await findLibTorch(machine.cache, 'cuda', machine.env);
    // Tried nowhere yet, or on another node of a cluster.
    write((await addonPlace(machine.cache, libtorch!, machine.env)).file, 'no library');
  });

  test('auto computes on a GPU that will do', async () => {
    withGpu();
    expect(await chooseVariant('auto', machine.env)).toEqual({ variant: 'cuda', device: 'cuda' });
  });

  test('auto computes on the CPU with a driver that will not, and says why', async () => {
    machine.program('nvidia-smi', 'echo "535.183.01, NVIDIA A100, 40960, 0, 8.0"');
    expect(await chooseVariant('auto', machine.env)).toEqual({
      variant: 'cuda',
      device: 'cpu',
      note: expect.stringMatching(/on the CPU: the NVIDIA driver is 535/),
    });
    withGpu();
    machine.env.CUDA_VISIBLE_DEVICES = '';
    expect(await chooseVariant('auto', machine.env)).toMatchObject({
      device: 'cpu',
      note: expect.stringContaining("CUDA_VISIBLE_DEVICES is ''"),
    });
  });

  withoutDriver('cpu is served by it as well, and a node without a driver is no news', async () => {
    expect(await chooseVariant('cpu', machine.env)).toEqual({ variant: 'cuda', device: 'cpu' });
    expect(await chooseVariant('auto', machine.env)).toEqual({ variant: 'cuda', device: 'cpu' });
  });
});
