import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256File, targetOf, verifyDigest } from '../../lib/runtime/archive.js';

test.each([
  ['torch/include/ATen/ATen.h', 'torch/include/ATen/ATen.h'],
  [
    'torch/include/torch/csrc/api/include/torch/torch.h',
    'torch/include/torch/csrc/api/include/torch/torch.h',
  ],
  ['torch/lib/libtorch_cpu.so', 'torch/lib/libtorch_cpu.so'],
  ['torch/lib/libgomp.so.1', 'torch/lib/libgomp.so.1'],
  ['torch.libs/libgfortran-040039e1.so.5.0.0', 'torch.libs/libgfortran-040039e1.so.5.0.0'],
  ['libtorch/lib/libgomp-98b21ff3.so.1', 'torch/lib/libgomp-98b21ff3.so.1'],
  ['libtorch/include/ATen/ATen.h', 'torch/include/ATen/ATen.h'],
  ['torch/lib/libtorch_cpu.dylib', 'torch/lib/libtorch_cpu.dylib'],
  ['nvidia/cu13/lib/libcudart.so.13', 'nvidia/cu13/lib/libcudart.so.13'],
  ['nvidia/cu13/lib/libcupti.so.13', 'nvidia/cu13/lib/libcupti.so.13'],
  ['torch-2.13.0.dist-info/licenses/LICENSE', 'torch/LICENSE'],
])('%s is unpacked to %s', (name, target) => {
  expect(targetOf(name, 'cpu')).toBe(target);
});

test.each([
  'torch/lib/libtorch_cuda.so',
  'torch/lib/libtorch_cuda_linalg.so',
  'torch/lib/libtorch_python.so',
  'torch/lib/libtorch.so',
  'torch/lib/libc10_cuda.so',
  'torch/lib/',
  'torch/nn/functional.py',
  'torch/bin/protoc',
  'nvidia/cu13/lib/libnvperf_host.so',
  'torch-2.13.0.dist-info/licenses/third_party/FP16/LICENSE',
])('%s is left out', (name) => {
  expect(targetOf(name, 'cpu')).toBeUndefined();
});

describe('digests', () => {
  let folder: string;
  let file: string;
  const known = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ser-digest-'));
    file = join(folder, 'hello.whl');
    writeFileSync(file, 'hello');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('a file has its SHA-256', async () => {
    expect(await sha256File(file)).toBe(known);
  });

  test('the expected digest passes, in either case of letters', async () => {
    await expect(verifyDigest(file, known.toUpperCase(), () => {})).resolves.toBe(known);
  });

  test('another digest is refused, with both named', async () => {
    const error = await verifyDigest(file, '0'.repeat(64), () => {}).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'E_CHECKSUM',
      exitCode: 4,
      details: { expected: '0'.repeat(64), found: known },
    });
  });

  test('a file that is not pinned needs its digest from the user', async () => {
    await expect(verifyDigest(file, undefined, () => {})).rejects.toMatchObject({
      code: 'E_CHECKSUM',
      cure: expect.stringContaining(`--sha256 ${known}`),
    });
  });
});
