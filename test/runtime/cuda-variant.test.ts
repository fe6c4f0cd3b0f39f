/**
 * The addon that is compiled with CUDA, on this machine with its GPUs hidden: it loads, says that there is none, and computes
 * on the CPU. `SER_CUDA_ARCHS=90 ser-native setup --variant cuda` makes it; without that these tests are skipped.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BuildInfo, CudaReport } from '../../bindings.js';
import { cacheRoot } from '../../lib/runtime/cache.js';
import { whatIsReady } from '../../lib/runtime/setup.js';
import { run } from '../cli/command.js';

const hidden = { ...process.env, CUDA_VISIBLE_DEVICES: '' };
const cuda = await whatIsReady(cacheRoot(), 'cuda', hidden).catch(() => undefined);
const cpu = await whatIsReady(cacheRoot(), 'cpu', process.env).catch(() => undefined);
if (cuda === undefined) {
  process.stderr.write(
    'skipped: the CUDA variant is not set up for these sources (ser-native setup --variant cuda)\n',
  );
}
const withCuda = cuda === undefined ? test.skip : test;

/** What a process of its own says: two LibTorchs must not meet in one. */
const PROGRAM = `
const addon = require(process.argv[1]);
const say = { info: addon.buildInfo(), devices: addon.cudaDevices?.() };
const trial = async (device) => {
  addon.start({ threads: 1, device, deterministic: true });
  try { return await addon.selfTest(); }
  catch (error) { return { code: error.code, message: error.message }; }
  finally { addon.stop(); }
};
(async () => {
  if (say.info.cuda) say.cuda = await trial('cuda');
  say.cpu = await trial('cpu');
  process.stdout.write(JSON.stringify(say));
})();
`;

interface Said {
  info: BuildInfo;
  devices: CudaReport;
  cuda?: number | { code: string; message: string };
  cpu: number;
}

async function ask(file: string): Promise<Said> {
  const env = { ...hidden, NODE_OPTIONS: '' };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', PROGRAM, file], { env });
  return JSON.parse(stdout) as Said;
}

withCuda('loads without a GPU, says so, and refuses only work on one', async () => {
  const said = await ask((cuda as NonNullable<typeof cuda>).addon.file);
  expect(said.info.cuda).toBe(true);
  expect(said.devices).toMatchObject({
    runtime: expect.any(Number),
    architectures: expect.arrayContaining([expect.stringMatching(/^\d{2,3}a?$/)]),
    devices: [],
    problem: expect.stringMatching(/no NVIDIA driver|CUDA_VISIBLE_DEVICES is ''/),
  });
  expect(said.devices.chosen).toBeUndefined();
  expect(said.cuda).toEqual({
    code: 'E_DEVICE',
    message: expect.stringContaining(said.devices.problem as string),
  });
  expect(said.cpu).toBeGreaterThan(0);
});

withCuda('computes on the CPU the very bits that the CPU variant computes', async () => {
  if (cpu === undefined) throw new Error('the CPU variant is not set up');
  const [one, other] = [await ask((cuda as NonNullable<typeof cuda>).addon.file), await ask(cpu.addon.file)];
  expect(other.info.cuda).toBe(false);
  expect(other.devices).toMatchObject({
    runtime: 0,
    devices: [],
    problem: expect.stringContaining('CPU only'),
  });
  expect(one.cpu).toBe(other.cpu);
});

withCuda('train --device cuda is a sentence with exit code 4; doctor shows the variant', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'ser-cuda-'));
  try {
    const options = { cwd, env: { CUDA_VISIBLE_DEVICES: '' } };
    const refused = await run(['train', '--corpus', 'demo', '--device', 'cuda'], options);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(/The GPU cannot be used: .+\.\n[\s\S]*--device cpu/);
    expect(refused.stderr).not.toMatch(/\n\s+at /);
    const doctor = await run(['doctor', '--json'], options);
    expect(JSON.parse(doctor.stdout)).toMatchObject({
      ok: true,
      computesOn: 'cpu',
      cuda: { addon: { state: 'ready' } },
    });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});
