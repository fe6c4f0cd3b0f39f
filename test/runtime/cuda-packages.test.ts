import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markerHolds, openCudaPackages, parseRequirements } from '../../lib/runtime/cuda-packages.js';
import { NoSuchWheel } from '../../lib/runtime/pip.js';
import { ZipArchive } from '../../lib/runtime/zip.js';
import { type FakeMachine, fakeMachine } from './fake-machine.js';
import { makeZip } from './make-zip.js';

const TORCH = `Name: torch
Requires-Dist: sympy>=1.13.3
Requires-Dist: cuda-toolkit[cublas,cudart]==13.0.2; platform_system == "Linux"
Requires-Dist: nvidia-cudnn-cu13==9.0.0.1; platform_system == "Linux"
Requires-Dist: nvidia-nccl-cu13==2.28.9; platform_system == "Linux"
Requires-Dist: triton==3.6.0; platform_system == "Linux"
Requires-Dist: optree>=0.13.0; extra == "optree"
`;
const TOOLKIT = `Name: cuda-toolkit
Requires-Dist: nvidia-cublas==13.9.0.3.*; (sys_platform == 'linux' or sys_platform == 'win32') and extra == 'cublas'
Requires-Dist: nvidia-cuda-runtime==13.0.1.*; (sys_platform == 'linux') and extra == 'cudart'
Requires-Dist: nvidia-npp==13.0.1.2.*; (sys_platform == 'linux') and extra == 'npp'
Requires-Dist: nvidia-cublas==13.9.0.3.*; (sys_platform == 'linux' or sys_platform == 'win32') and extra == 'all'
`;

let machine: FakeMachine;
beforeEach(() => {
  machine = fakeMachine();
});
afterEach(() => machine.remove());

function wheel(name: string, metadata: string): string {
  const path = join(machine.folder, `${name}-py3-none-any.whl`);
  makeZip(path, [{ name: `${name}.dist-info/METADATA`, data: Buffer.from(metadata) }]);
  return path;
}

test('requirements are read with extras, versions and markers', () => {
  expect(parseRequirements(TORCH)[1]).toEqual({
    name: 'cuda-toolkit',
    extras: ['cublas', 'cudart'],
    specifier: '==13.0.2',
    marker: 'platform_system == "Linux"',
  });
  expect(markerHolds("sys_platform == 'win32'", [], 'x86_64')).toBe(false);
  expect(markerHolds("extra == 'npp'", ['cudart'], 'x86_64')).toBe(false);
  expect(markerHolds("platform_machine == 'x86_64' and platform_system == 'Linux'", [], 'aarch64')).toBe(
    false,
  );
});

test('every NVIDIA package that torch names is taken from beside the wheel or fetched, and nothing else', async () => {
  const asked: string[] = [];
  const torch = await ZipArchive.open(wheel('torch-2.11.0', TORCH));
  const beside = wheel('nvidia_cudnn_cu13-9.0.0.1', '');
  const archives: ZipArchive[] = [];
  await openCudaPackages(torch, archives, {
    beside: machine.folder,
    scratch: join(machine.folder, 'scratch'),
    onEvent: () => {},
    fetch: async (name, specifier) => {
      asked.push(`${name}${specifier}`);
      return wheel(`fetched-${asked.length}`, name === 'cuda-toolkit' ? TOOLKIT : '');
    },
  });
  expect(asked).toEqual([
    'cuda-toolkit==13.0.2',
    'nvidia-cublas==13.9.0.3.*',
    'nvidia-cuda-runtime==13.0.1.*',
    'nvidia-nccl-cu13==2.28.9',
  ]);
  expect(archives.map(({ path }) => path)).toContain(beside);
  expect(archives).toHaveLength(4);
  for (const archive of [torch, ...archives]) await archive.close();
});

test('a package with another digest than the pinned one is refused', async () => {
  const torch = await ZipArchive.open(
    wheel('torch-2.11.0', 'Requires-Dist: nvidia-nvtx==13.0.85; platform_system == "Linux"\n'),
  );
  const opening = openCudaPackages(torch, [], {
    scratch: join(machine.folder, 'scratch'),
    onEvent: () => {},
    fetch: async () => wheel('nvidia_nvtx-13.0.85', 'Name: another thing\n'),
  });
  if (process.arch === 'x64')
    await expect(opening).rejects.toMatchObject({ code: 'E_CHECKSUM', exitCode: 4 });
  await torch.close();
});

test('a release that the mirrors have dropped gives way to a newer one of its major version', async () => {
  const asked: string[] = [];
  const notes: string[] = [];
  const torch = await ZipArchive.open(
    wheel('torch-2.12.0', 'Requires-Dist: nvidia-nccl-cu13==2.28.9; platform_system == "Linux"\n'),
  );
  const archives: ZipArchive[] = [];
  await openCudaPackages(torch, archives, {
    scratch: join(machine.folder, 'scratch'),
    onEvent: (event) => {
      if (event.type === 'note') notes.push(event.text);
    },
    fetch: async (name, specifier) => {
      asked.push(`${name}${specifier}`);
      if (specifier === '==2.28.9') throw new NoSuchWheel('gone', { code: 'E_NO_WHEEL' });
      return wheel('newer', '');
    },
  });
  expect(asked).toEqual(['nvidia-nccl-cu13==2.28.9', 'nvidia-nccl-cu13>=2.28.9,<3']);
  expect(notes.join()).toMatch(/nvidia-nccl-cu13 2\.28\.9/);
  expect(archives).toHaveLength(1);
  for (const archive of [torch, ...archives]) await archive.close();
});

test('a wheel that names no NVIDIA package is a CPU build', async () => {
  const torch = await ZipArchive.open(wheel('torch-2.13.0', 'Requires-Dist: sympy\n'));
  writeFileSync(join(machine.folder, 'x'), '');
  await expect(
    openCudaPackages(torch, [], {
      scratch: machine.folder,
      onEvent: () => {},
      fetch: () => Promise.reject(new Error('nothing is to be fetched')),
    }),
  ).rejects.toMatchObject({ code: 'E_NO_CUDA_VARIANT', exitCode: 4 });
  await torch.close();
});
