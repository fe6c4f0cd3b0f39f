import { existsSync } from 'node:fs';
import { chooseVariant } from '../../lib/runtime/choose-variant.js';
import { type FakeMachine, fakeMachine } from './fake-machine.js';

let machine: FakeMachine;
beforeEach(() => {
  machine = fakeMachine();
});
afterEach(() => machine.remove());

const withGpu = (): void => machine.program('nvidia-smi', 'echo "580.95.05, NVIDIA H100, 81559, 4, 9.0"');

test('a machine without a driver computes on the CPU and is told nothing', async () => {
  expect(await chooseVariant('auto', machine.env)).toEqual({ variant: 'cpu', device: 'cpu' });
  expect(await chooseVariant('cpu', machine.env)).toEqual({ variant: 'cpu', device: 'cpu' });
});

test('cuda on a machine without a driver is a sentence, exit code 4', async () => {
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
