/** What is measured on, and what it can do at best. */
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import type { DeviceRates } from '../../bindings.js';
import type { SerEngine } from '../native/engine.js';
import { runCommand } from '../runtime/run-command.js';
import { describeCpu } from '../runtime/toolchain.js';
import type { BenchPrecision, DeviceFacts, GemmRate, Roofline } from './types.js';

export async function describeDevice(engine: SerEngine): Promise<DeviceFacts> {
  const cpu = await describeCpu(cpus()[0]?.model.trim() ?? 'unknown');
  const cuda = engine.options.device === 'cuda' ? await describeGpu() : undefined;
  return {
    kind: engine.options.device,
    name: cuda?.name ?? cpu.model,
    isa: cpu.isa,
    ...(cuda?.driver ? { driver: cuda.driver } : {}),
    threads: engine.options.threads,
    libtorch: engine.build.libtorch,
    capability: engine.build.capability,
    compiler: engine.build.compiler,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${process.platform} ${process.arch} ${release()}`,
    node: process.versions.node,
    loadBefore: process.platform === 'win32' ? null : loadavg()[0]!,
  };
}

/** The first GPU that this process may see, as the driver names it. */
async function describeGpu(): Promise<{ name: string; driver?: string }> {
  const visible = process.env.CUDA_VISIBLE_DEVICES?.split(',')[0]?.trim();
  const which = visible ? ['-i', visible] : [];
  const { status, stdout } = await runCommand('nvidia-smi', [
    ...which,
    '--query-gpu=name,driver_version',
    '--format=csv,noheader',
  ]);
  const [name, driver] = (status === 0 ? (stdout.split('\n')[0] ?? '') : '')
    .split(',')
    .map((part) => part.trim());
  return name ? { name, driver } : { name: 'a CUDA device' };
}

/** bf16 counts as the device's own where its products are clearly faster than those of fp32. */
export async function defaultPrecisions(engine: SerEngine): Promise<BenchPrecision[]> {
  if (engine.options.device === 'cuda') return ['fp32', 'bf16'];
  const { isa } = await describeCpu('');
  return ['avx512_bf16', 'amx_bf16', 'bf16'].some((flag) => isa.includes(flag)) ? ['fp32', 'bf16'] : ['fp32'];
}

/** The fastest of each kind, over several measurements: what else the machine did must not make a peak look low. */
export function rooflineOf(measured: readonly DeviceRates[]): Roofline {
  const gemm: Partial<Record<BenchPrecision, GemmRate>> = {};
  let copyBytesPerSecond = 0;
  for (const { copyBytes, copySeconds, products } of measured) {
    copyBytesPerSecond = Math.max(copyBytesPerSecond, copyBytes / Math.min(...copySeconds));
    for (const { precision, way, rows, inner, columns, seconds } of products) {
      const flops = (2 * rows * inner * columns) / Math.min(...seconds);
      if (flops > (gemm[precision]?.flops ?? 0)) gemm[precision] = { flops, rows, inner, columns, way };
    }
  }
  return { copyBytesPerSecond, gemm };
}
