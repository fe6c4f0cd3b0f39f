import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SetupOptions, setup } from '../../lib/runtime/setup.js';
import type { SetupEvent } from '../../lib/runtime/setup-event.js';
import { type FakeMachine, fakeMachine, fakePip, REAL_DRIVER, REAL_TOOLKIT } from './fake-machine.js';
import { makeZip, torchWheelEntries } from './make-zip.js';

let machine: FakeMachine;
let events: SetupEvent[];
beforeEach(() => {
  machine = fakeMachine();
  events = [];
});
afterEach(() => machine.remove());

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** What `setup` rejects with; every set-up on a fake machine fails, at the latest when the addon is tried. */
async function failure(options: SetupOptions): Promise<unknown> {
  return await setup({ env: machine.env, onProgress: (event) => events.push(event), ...options }).then(
    () => {
      throw new Error('set-up was expected to fail');
    },
    (error: unknown) => error,
  );
}

function wheel(version = '2.13.0', name = `torch-${version}-cp312-cp312-manylinux_2_28_x86_64.whl`): string {
  const path = join(machine.folder, name);
  makeZip(path, torchWheelEntries(version));
  return path;
}

/** No partial folder and no lock may outlive a set-up, however it ended. */
function leftovers(): string[] {
  return machine.cached().filter((name) => /partial|\.lock|download|\.whl/.test(name));
}

describe('what is missing is said before anything is fetched', () => {
  test.each([
    ['no compiler', 'c++', undefined, 'E_NO_COMPILER', /apt-get install g\+\+|xcode-select/],
    ['an old compiler', 'c++', 'echo "c++ (GCC) 8.5.0"', 'E_OLD_COMPILER', /CXX=/],
    ['no CMake', 'cmake', undefined, 'E_NO_CMAKE', /pip install cmake/],
    ['neither make nor ninja', 'make', undefined, 'E_NO_MAKE', /apt-get install make/],
    ['an old CMake', 'cmake', 'echo "cmake version 3.10.2"', 'E_NO_CMAKE', /pip install cmake/],
  ])('%s', async (_name, program, script, code, cure) => {
    machine.toolchain();
    machine.program(program, script ?? 'exit 127');
    const error = await failure({ from: wheel() });
    expect(error).toMatchObject({ code, exitCode: 4, cure: expect.stringMatching(cure) });
    expect(machine.cached()).toEqual([]);
  });

  test('no pip', async () => {
    machine.toolchain();
    expect(await failure({})).toMatchObject({
      code: 'E_NO_PIP',
      exitCode: 4,
      cure: expect.stringContaining('--from'),
    });
    expect(leftovers()).toEqual([]);
  });
});

describe('fetching with pip', () => {
  beforeEach(() => machine.toolchain());

  test.each([
    [
      'no network',
      'echo "WARNING: Retrying after NewConnectionError: Temporary failure in name resolution" >&2; echo "ERROR: No matching distribution found" >&2; exit 1',
      'E_NETWORK',
    ],
    [
      'no index with the wheel',
      'echo "ERROR: No matching distribution found for torch" >&2; exit 1',
      'E_NO_WHEEL',
    ],
    ['a full disk', 'echo "ERROR: [Errno 28] No space left on device" >&2; exit 1', 'E_DISK_FULL'],
    ['any other failure', 'echo "ERROR: something else" >&2; exit 2', 'E_PIP'],
  ])('%s ends with its cure and leaves nothing', async (_name, script, code) => {
    fakePip(machine, script);
    const error = await failure({});
    expect(error).toMatchObject({ code, exitCode: 4, cure: expect.stringMatching(/\S/) });
    expect(leftovers()).toEqual([]);
  });

  test('a wheel with another digest than the pinned one is refused and removed', async () => {
    const path = wheel();
    // Only the plain wheel is there, as on a machine that does not reach PyTorch's own index.
    fakePip(
      machine,
      `case "$last" in *+cpu) echo "ERROR: No matching distribution" >&2; exit 1;; esac; /bin/cp "${path}" "$dest/"`,
    );
    expect(await failure({})).toMatchObject({ code: 'E_CHECKSUM', exitCode: 4 });
    expect(machine.cached().filter((name) => name.startsWith('libtorch/'))).toEqual([]);
    expect(events.some((event) => event.type === 'note' && event.text.includes('plain one'))).toBe(true);
  });

  test('the CPU-only wheel is preferred, unpacked in part and not kept', async () => {
    const path = wheel('2.11.0', 'torch-2.11.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl');
    fakePip(machine, `case "$last" in *+cpu) /bin/cp "${path}" "$dest/";; *) exit 1;; esac`);
    await failure({});
    const files = machine.cached();
    expect(files).toContain('libtorch/2.11.0-cpu/torch/lib/libtorch_cpu.so');
    expect(files.filter((name) => /python|linear\.py|whl/.test(name))).toEqual([]);
    const plan = events.find((event) => event.type === 'plan');
    expect(plan?.type === 'plan' && plan.steps.join('\n')).toMatch(
      /Fetch LibTorch 2\.11\.0[\s\S]*Compile[\s\S]*child process/,
    );
  });
});

describe('--from', () => {
  beforeEach(() => machine.toolchain());

  test('a wheel with its digest is unpacked, and found again without --from', async () => {
    const path = wheel();
    await failure({ from: path, sha256: sha256(path) });
    const { findLibTorch } = await import('../../lib/runtime/libtorch.js');
    expect(await findLibTorch(machine.cache, 'cpu', {})).toMatchObject({
      version: '2.13.0',
      origin: expect.stringContaining('.whl'),
    });
    expect(existsSync(path)).toBe(true);
    expect(leftovers()).toEqual([]);
  });

  test('of several in the cache the release that set-up would fetch comes first, then the newest', async () => {
    const { findLibTorch } = await import('../../lib/runtime/libtorch.js');
    const { DEFAULT_LIBTORCH } = await import('../../lib/runtime/pins.js');
    for (const [version, expected] of [
      ['2.12.0', '2.12.0'],
      ['2.14.0', '2.14.0'],
      [DEFAULT_LIBTORCH, DEFAULT_LIBTORCH],
    ] as const) {
      const path = wheel(version);
      await failure({ from: path, sha256: sha256(path) });
      rmSync(join(machine.cache, 'libtorch', 'chosen-cpu'), { recursive: true, force: true });
      expect(await findLibTorch(machine.cache, 'cpu', {})).toMatchObject({ version: expected });
    }
  });

  test('a libtorch zip needs --sha256', async () => {
    const path = join(machine.folder, 'libtorch.zip');
    makeZip(
      path,
      torchWheelEntries('2.15.0').map((entry) => ({
        ...entry,
        name: entry.name.replace(/^torch\//, 'libtorch/'),
      })),
    );
    expect(await failure({ from: path })).toMatchObject({
      code: 'E_CHECKSUM',
      cure: expect.stringContaining(sha256(path)),
    });
    expect(await failure({ from: path, sha256: sha256(path) })).toMatchObject({ code: 'E_PROBE' });
    expect(machine.cached()).toContain('libtorch/2.15.0-cpu/torch/include/ATen/ATen.h');
  });

  test('a folder is used where it is', async () => {
    const folder = join(machine.folder, 'site-packages');
    for (const entry of torchWheelEntries('2.11.0')) {
      mkdirSync(join(folder, entry.name, '..'), { recursive: true });
      writeFileSync(join(folder, entry.name), entry.data);
    }
    await failure({ from: folder });
    const { findLibTorch } = await import('../../lib/runtime/libtorch.js');
    const found = await findLibTorch(machine.cache, 'cpu', {});
    expect(found).toMatchObject({ version: '2.11.0' });
    expect(found?.dir.endsWith(join('site-packages', 'torch'))).toBe(true);
    expect(machine.cached().some((name) => name.endsWith('.so'))).toBe(false);
  });

  test.each([
    ['a path that does not exist', 'nowhere', 'E_FROM', 2],
    ['an empty folder', '', 'E_LIBTORCH', 4],
    ['another kind of file', 'torch.tar.gz', 'E_FROM', 2],
    ['an archive that is none', 'broken.whl', 'E_ARCHIVE', 4],
  ])('%s is refused', async (_name, name, code, exitCode) => {
    const empty = join(machine.folder, 'empty');
    mkdirSync(empty);
    writeFileSync(join(empty, '..', 'torch.tar.gz'), 'x');
    const broken = join(machine.folder, 'broken.whl');
    writeFileSync(broken, 'this is no zip archive at all, whatever its name says');
    const from = name === '' ? empty : join(machine.folder, name);
    const digest = name === 'broken.whl' ? sha256(broken) : undefined;
    expect(await failure({ from, sha256: digest })).toMatchObject({ code, exitCode });
    expect(leftovers()).toEqual([]);
  });

  test('a release outside of the supported ones is refused', async () => {
    const path = wheel('2.4.0');
    expect(await failure({ from: path, sha256: sha256(path) })).toMatchObject({ code: 'E_LIBTORCH_VERSION' });
    expect(machine.cached().filter((name) => name.startsWith('libtorch/'))).toEqual([]);
  });

  test('SER_LIBTORCH that names nothing useful is refused, not passed over', async () => {
    const error = await failure({ env: { ...machine.env, SER_LIBTORCH: machine.folder } });
    expect(error).toMatchObject({ code: 'E_LIBTORCH', message: expect.stringContaining('SER_LIBTORCH') });
  });
});

describe('compiling and trying', () => {
  test('a failed compilation names the errors and its log', async () => {
    machine.toolchain();
    machine.program(
      'cmake',
      `case "$1" in --version) echo "cmake version 3.25.1";; -E) echo '{"generators":[]}';; --build) echo "mix.cc:3:1: error: no such thing"; exit 1;; *) : > CMakeCache.txt;; esac`,
    );
    const path = wheel();
    const error = await failure({ from: path, sha256: sha256(path) });
    expect(error).toMatchObject({
      code: 'E_BUILD',
      exitCode: 4,
      message: expect.stringContaining('mix.cc:3:1: error'),
    });
    const { log } = (error as { details: { log: string } }).details;
    expect(readFileSync(log, 'utf8')).toContain('no such thing');
    expect(leftovers()).toEqual([]);
  });

  test('an addon that does not load costs a sentence, not the process', async () => {
    machine.toolchain();
    const path = wheel();
    const error = await failure({ from: path, sha256: sha256(path) });
    expect(error).toMatchObject({
      code: 'E_PROBE',
      exitCode: 4,
      message: expect.stringContaining('child process'),
    });
    expect(events.filter((event) => event.type === 'stage').map((event) => event.stage)).toEqual([
      'verify',
      'unpack',
      'configure',
      'compile',
      'probe',
    ]);
  });
});

/** What the plan says, in one text. */
function plan(): string {
  return events.flatMap((event) => (event.type === 'plan' ? event.steps : [])).join('\n');
}

const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('the CUDA variant', () => {
  const H100 = 'echo "580.95.05, NVIDIA H100, 81559, 4, 9.0"';
  beforeEach(() => {
    machine.toolchain();
    fakePip(machine, 'echo "ERROR: No matching distribution found" >&2; exit 1');
  });

  test.each<[string, string | undefined, RegExp]>([
    ['a GPU that will do', H100, /Variant cuda;[\s\S]*NVIDIA packages[\s\S]*2\.\d GB[\s\S]*nvcc/],
    ...(REAL_DRIVER
      ? []
      : [
          ['no driver', undefined, /Variant cpu \(auto: no NVIDIA driver was found/] as [
            string,
            undefined,
            RegExp,
          ],
        ]),
    [
      'an old driver',
      'echo "535.183.01, NVIDIA A100, 40960, 0, 8.0"',
      /Variant cpu \(auto: the NVIDIA driver is 535\.183\.01, and CUDA 13 needs 580 or newer\)/,
    ],
    [
      'an old GPU',
      'echo "580.95.05, Tesla V100, 16384, 0, 7.0"',
      /Variant cpu \(auto: compute capability 8\.0/,
    ],
  ])('auto goes by the driver: %s', async (_name, smi, expected) => {
    if (smi !== undefined) machine.program('nvidia-smi', smi);
    // A compiler says nothing about a GPU.
    machine.program('nvcc', 'echo "Cuda compilation tools, release 12.4, V12.4.131"');
    await failure({});
    expect(plan()).toMatch(expected);
  });

  test('asks before it fetches, with all bytes counted, and stops when declined', async () => {
    machine.program('nvidia-smi', H100);
    let asked = 0;
    const error = await failure({
      confirm: async (bytes) => {
        asked = bytes;
        return false;
      },
    });
    expect(error).toMatchObject({ code: 'E_DECLINED', exitCode: 130 });
    // The wheel, the NVIDIA packages and the compiler.
    expect(asked / 1e9).toBeCloseTo(REAL_TOOLKIT ? 2.6 : 2.7, 1);
    expect(leftovers()).toEqual([]);
  });

  (REAL_DRIVER ? test.skip : test)(
    'asked for by name it is set up without a driver too, and says so',
    async () => {
      await failure({ variant: 'cuda' });
      expect(plan()).toContain('Variant cuda');
      expect(events).toContainEqual({
        type: 'note',
        text: expect.stringMatching(/No GPU can be used here now: no NVIDIA driver/),
      });
    },
  );

  (REAL_TOOLKIT ? test.skip : test)('a nvcc of the right major version is used, another is not', async () => {
    machine.program('nvcc', 'echo "Cuda compilation tools, release 13.1, V13.1.80"');
    await failure({ variant: 'cuda' });
    expect(plan()).not.toContain('nvcc with pip');
    events = [];
    machine.program('nvcc', 'echo "Cuda compilation tools, release 12.9, V12.9.86"');
    await failure({ variant: 'cuda' });
    expect(plan()).toContain('nvcc with pip');
  });

  test('links what the CPU variant has compiled, with the nvcc that was found, for the architectures asked for', async () => {
    const folder = join(machine.folder, 'site-packages');
    for (const { name, data } of [
      ...torchWheelEntries('2.13.0', true),
      { name: 'torch/lib/libc10_cuda.so', data: 'c10_cuda' },
      { name: 'nvidia/cu13/lib/libcudart.so.13', data: 'cudart' },
    ]) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), data);
    }
    machine.program('nvcc', 'echo "Cuda compilation tools, release 13.0, V13.0.88"');
    const log = join(machine.folder, 'cmake.log');
    await failure({ variant: 'cpu', from: folder });
    expect(readFileSync(log, 'utf8')).toMatch(/SER_KEEP_ARCHIVE=ON/);
    rmSync(log);
    const env = { ...machine.env, SER_CUDA_ARCHS: '80;90' };
    expect(await failure({ variant: 'cuda', from: folder, env })).toMatchObject({ code: 'E_PROBE' });
    const args = readFileSync(log, 'utf8');
    expect(args).toMatch(/SER_ENGINE_ARCHIVE=\S+objects\/2\.13\.0-\w+\/libser_shared\.a/);
    expect(args).toMatch(/SER_CUDA=ON/);
    expect(args).toMatch(/SER_NVCC=\S+bin\/nvcc/);
    expect(args).toMatch(/SER_CUDA_ARCHS=80,90/);
  });

  test('a CPU-only wheel or folder is refused, and the CPU variant takes it', async () => {
    const path = wheel();
    makeZip(
      path,
      torchWheelEntries('2.13.0').filter(({ name }) => !name.includes('torch_cuda')),
    );
    expect(await failure({ variant: 'cuda', from: path, sha256: sha256(path) })).toMatchObject({
      code: 'E_NO_CUDA_VARIANT',
      exitCode: 4,
    });
    const folder = join(machine.folder, 'site-packages');
    for (const entry of torchWheelEntries('2.11.0').filter(({ name }) => !name.includes('torch_cuda'))) {
      mkdirSync(join(folder, entry.name, '..'), { recursive: true });
      writeFileSync(join(folder, entry.name), entry.data);
    }
    expect(await failure({ variant: 'cuda', from: folder })).toMatchObject({
      code: 'E_LIBTORCH',
      exitCode: 4,
      cure: expect.stringContaining('--variant cpu'),
    });
    machine.program('nvidia-smi', H100);
    events = [];
    await failure({ from: folder });
    expect(plan()).toMatch(/Variant cpu \(auto: .*is a CPU-only LibTorch/);
    expect(leftovers()).toEqual([]);
  });
});

describe('options', () => {
  test.each([
    ['too short', { sha256: 'abc', from: 'x.zip' }],
    ['without --from', { sha256: '0'.repeat(64) }],
  ])('a digest %s is refused', async (_name, options) => {
    expect(await failure(options)).toMatchObject({ code: 'E_SHA256', exitCode: 2 });
  });

  test('an aborted signal stops set-up before it writes', async () => {
    machine.toolchain();
    expect(await failure({ from: wheel(), signal: AbortSignal.abort() })).toMatchObject({ exitCode: 130 });
    expect(machine.cached()).toEqual([]);
  });

  test('an abort during the download leaves nothing', async () => {
    machine.toolchain();
    fakePip(machine, '/bin/sleep 30');
    const stop = new AbortController();
    const onProgress = (event: SetupEvent): void => {
      if (event.type === 'stage' && event.stage === 'download') setTimeout(() => stop.abort(), 100);
    };
    expect(await failure({ signal: stop.signal, onProgress })).toMatchObject({ exitCode: 130 });
    expect(leftovers()).toEqual([]);
  });
});
