/** Unpacks of a wheel or a LibTorch zip what an addon needs: headers and the libraries of one variant. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { hasCode, InterruptedError, RuntimeError } from '../errors.js';
import type { Variant } from './libtorch.js';
import { isPinnedDigest } from './pins.js';
import type { SetupListener } from './setup-event.js';
import type { ZipArchive, ZipEntry } from './zip.js';

/** Libraries of Python, of launchers and of profilers, which no addon loads. */
const LEFT_OUT =
  /^lib(torch|torch_python|torch_global_deps|shm|nvperf_\w+|checkpoint|pcsamplingutil)\.(so|dylib)/;
/** Libraries of a CUDA build. */
const LEFT_OUT_OF_CPU = /^lib(torch_cuda\w*|c10_cuda|caffe2_nvrtc|torch_nvshmem)\.(so|dylib)/;
const LEFT_OUT_WINDOWS = /^(torch_cuda\w*|c10_cuda|caffe2_nvrtc|torch_python|shm)\.(dll|lib)$/;

/**
 * Where an entry goes, relative to the folder of this LibTorch, or undefined when it is not needed. A zip's `libtorch/` becomes
 * `torch/`, so that both kinds lie the same way; `nvidia/` stays beside `torch/`, because that is where the RPATH of a wheel's
 * libraries points.
 */
export function targetOf(name: string, variant: Variant): string | undefined {
  if (name.endsWith('/')) return undefined;
  const path = name.replace(/^libtorch\//, 'torch/');
  if (/^torch\/include\/.+\.(h|hpp|cuh|inc)$/.test(path)) return path;
  const file = basename(path);
  if (/^(torch|nvidia\/\w+)\/lib\/[^/]+$/.test(path) || /^torch\.libs\/[^/]+$/.test(path)) {
    if (!/\.(so(\.[\w.]+)?|dylib|dll|lib)$/.test(file)) return undefined;
    if (LEFT_OUT.test(file) || LEFT_OUT_WINDOWS.test(file)) return undefined;
    return variant === 'cpu' && LEFT_OUT_OF_CPU.test(file) ? undefined : path;
  }
  // Of cuBLAS and the others: ATen's own CUDA headers include them.
  if (variant === 'cuda' && /^nvidia\/\w+\/include\/.+\.(h|hpp|cuh|inc)$/.test(path)) return path;
  if (/^torch(-[\w.+]+\.dist-info)?\/(licenses\/)?(LICENSE|NOTICE)$/.test(path)) return join('torch', file);
  return undefined;
}

/** Whether the archive is a CUDA build, whose libtorch_cpu needs libcudart and libcupti. */
export function isCudaBuild(entries: readonly Pick<ZipEntry, 'name'>[]): boolean {
  return entries.some((entry) => /(^|\/)(lib)?torch_cuda\.(so|dll)$/.test(entry.name));
}

/** Lower-case hexadecimal SHA-256 of a file. */
export async function sha256File(
  path: string,
  onBytes?: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(
    createReadStream(path, { highWaterMark: 1 << 20 }),
    async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) {
        hash.update(chunk);
        onBytes?.(chunk.length);
      }
    },
    { signal },
  ).catch(rethrowAbort);
  return hash.digest('hex');
}

/**
 * Checks a file's digest against `expected`, or against all pinned ones when that is undefined; returns the digest.
 *
 * @throws RuntimeError `E_CHECKSUM`
 */
export async function verifyDigest(
  path: string,
  expected: string | undefined,
  onEvent: SetupListener,
  signal?: AbortSignal,
): Promise<string> {
  const total = (await stat(path)).size;
  onEvent({ type: 'stage', stage: 'verify', text: `Checking the SHA-256 of ${basename(path)}` });
  let done = 0;
  const count = (bytes: number): void => {
    done += bytes;
    onEvent({ type: 'progress', stage: 'verify', done, total, unit: 'bytes' });
  };
  const found = await sha256File(path, count, signal);
  if (expected === undefined ? isPinnedDigest(found) : found === expected.toLowerCase()) return found;
  const wanted =
    expected === undefined ? 'no digest that this version pins' : `not ${expected.toLowerCase()}`;
  throw new RuntimeError(`${basename(path)} has the SHA-256 ${found}, ${wanted}.`, {
    code: 'E_CHECKSUM',
    cure:
      expected === undefined
        ? `If you trust this file, name its digest: --sha256 ${found}`
        : 'The file is incomplete or was changed on its way: fetch it again. If a mirror serves another build of it, pass the file with --from and its digest with --sha256.',
    details: { expected, found },
  });
}

/** Unpacks the needed entries below `folder`; returns how many files that were. */
export async function unpack(
  archives: readonly ZipArchive[],
  folder: string,
  variant: Variant,
  onEvent: SetupListener,
  signal?: AbortSignal,
): Promise<number> {
  const jobs = archives.flatMap((archive) =>
    archive.entries.flatMap((entry) => {
      const target = targetOf(entry.name, variant);
      return target === undefined ? [] : [{ archive, entry, target: join(folder, target) }];
    }),
  );
  const total = jobs.reduce((sum, job) => sum + job.entry.size, 0);
  onEvent({ type: 'stage', stage: 'unpack', text: `Unpacking ${jobs.length} files` });
  let done = 0;
  const count = (bytes: number): void => {
    done += bytes;
    onEvent({ type: 'progress', stage: 'unpack', done, total, unit: 'bytes' });
  };
  // Thousands of small headers and one library of hundreds of MB: a few at once hide the latency of the former.
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
      await job.archive.extract(job.entry, job.target, count, signal);
    }
  };
  // All workers settle before an error goes on, or a late one would write into a folder that is being removed.
  const settled = await Promise.allSettled(Array.from({ length: 4 }, worker));
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) rethrowAbort(failed.reason);
  return jobs.length;
}

function rethrowAbort(error: unknown): never {
  if (hasCode(error, 'ABORT_ERR')) {
    throw new InterruptedError('Set-up was stopped; what was half-written has been removed.', {
      code: 'E_INTERRUPTED',
      cause: error,
    });
  }
  throw error;
}
