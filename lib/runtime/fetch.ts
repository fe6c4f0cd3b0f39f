/** Puts LibTorch into the cache: from wheels that pip fetches, or from what the user hands over with `--from`. */

import { readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InterruptedError, RuntimeError, UsageError } from '../errors.js';
import { isCudaBuild, unpack, verifyDigest } from './archive.js';
import { writeFolder } from './cache.js';
import { openCudaPackages } from './cuda-packages.js';
import {
  hasCuda,
  inspectLibTorch,
  type LibTorch,
  type LibTorchRecord,
  libTorchFolder,
  locateLibTorch,
  RECORD_FILE,
  readRecord,
  readVersion,
  type Variant,
} from './libtorch.js';
import {
  CPU_WHEEL_BYTES,
  isSupported,
  NEWEST_LIBTORCH,
  NVIDIA_BYTES,
  NVIDIA_UNPACKED_BYTES,
  OLDEST_LIBTORCH,
  pinFor,
  type Wheel,
  type WheelPlatform,
  wheelPlatform,
} from './pins.js';
import { downloadWheel, findPip, NoSuchWheel, type Pip } from './pip.js';
import type { SetupListener } from './setup-event.js';
import { ZipArchive } from './zip.js';

export interface FetchContext {
  cache: string;
  variant: Variant;
  env: NodeJS.ProcessEnv;
  onEvent: SetupListener;
  signal?: AbortSignal;
}

/** Headers and libraries of a variant, unpacked, with room to spare. */
const UNPACKED_BYTES: Record<Variant, number> = { cpu: 650e6, cuda: 1.2e9 + NVIDIA_UNPACKED_BYTES };

/** About what fetching a release takes from the network, in bytes. */
export function downloadBytes(version: string, variant: Variant): number {
  return pinFor(version, wheelPlatform()).torch.bytes + (variant === 'cuda' ? NVIDIA_BYTES : 0);
}

/** Fetches the pinned release: for the CPU the small wheel where an index has it, else the plain one. */
export async function fetchLibTorch(version: string, context: FetchContext): Promise<LibTorch> {
  const platform = wheelPlatform();
  const pin = pinFor(version, platform);
  const pip = await findPip(context.env);
  if (pip === undefined) throw noPip();
  if (context.variant === 'cuda' && platform !== 'linux-x64' && platform !== 'linux-arm64') throw noCuda();
  await requireSpace(
    context.cache,
    downloadBytes(version, context.variant) + UNPACKED_BYTES[context.variant],
  );
  return await install(context, version, async (folder, archives) => {
    const download = (wheel: Wheel, cpuIndex = false): Promise<string> =>
      downloadPinned(pip, wheel, platform as WheelPlatform, join(folder, 'download'), cpuIndex, context);
    const small =
      context.variant === 'cpu' ? await downloadCpuWheel(pin.torch, download, context) : undefined;
    if (small !== undefined) {
      // Not pinned: pip has checked it against the digest that its index lists.
      archives.push(await ZipArchive.open(small));
      return { origin: basename(small) };
    }
    const wheel = await download(pin.torch);
    const sha256 = await verifyDigest(wheel, pin.torch.sha256, context.onEvent, context.signal);
    const archive = await ZipArchive.open(wheel);
    archives.push(archive);
    if (context.variant === 'cuda') {
      await addCudaPackages(archive, archives, undefined, folder, context);
    } else if (isCudaBuild(archive.entries)) {
      for (const companion of pin.companions) {
        const path = await download(companion);
        await verifyDigest(path, companion.sha256, context.onEvent, context.signal);
        archives.push(await ZipArchive.open(path));
      }
    }
    return { origin: basename(wheel), sha256 };
  });
}

/** Opens the NVIDIA packages of a CUDA wheel: those that lie in `beside`, the others through pip. */
async function addCudaPackages(
  torch: ZipArchive,
  archives: ZipArchive[],
  beside: string | undefined,
  folder: string,
  context: FetchContext,
): Promise<void> {
  if (!isCudaBuild(torch.entries)) throw noCuda(basename(torch.path));
  await openCudaPackages(torch, archives, {
    beside,
    scratch: join(folder, 'download'),
    onEvent: context.onEvent,
    signal: context.signal,
    fetch: async (name, specifier, pin) => {
      const pip = await findPip(context.env);
      if (pip === undefined) {
        throw new RuntimeError(
          `${basename(torch.path)} also needs ${name}${specifier}, and there is no pip to fetch it with.`,
          {
            code: 'E_NO_COMPANION',
            cure: 'Put the wheels of the NVIDIA packages that it names beside it, or install pip.',
          },
        );
      }
      const wheel = { name, version: specifier.replace(/^==/, ''), bytes: pin?.bytes };
      return await downloadPinned(
        pip,
        wheel,
        wheelPlatform() as WheelPlatform,
        join(folder, 'download'),
        false,
        context,
      );
    },
  });
}

function noCuda(name?: string): RuntimeError {
  return new RuntimeError(
    name === undefined
      ? `There is no CUDA build of LibTorch to be had for ${process.platform}-${process.arch}.`
      : `${name} is a CPU-only build, which the CUDA variant cannot use.`,
    {
      code: 'E_NO_CUDA_VARIANT',
      cure: 'Use --variant cpu, or hand over a CUDA build with --from.',
    },
  );
}

async function downloadCpuWheel(
  plain: Wheel,
  download: (wheel: Wheel, cpuIndex: boolean) => Promise<string>,
  context: FetchContext,
): Promise<string | undefined> {
  // Elsewhere the plain wheel is the CPU build already.
  if (process.platform !== 'linux') return undefined;
  try {
    return await download({ ...plain, version: `${plain.version}+cpu`, bytes: CPU_WHEEL_BYTES }, true);
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    if (error instanceof RuntimeError && error.code === 'E_DISK_FULL') throw error;
    const why = error instanceof NoSuchWheel ? 'no index within reach has it' : 'its index did not answer';
    context.onEvent({
      type: 'note',
      text: `No CPU-only wheel (${why}): taking the plain one, of which only the CPU part is kept.`,
    });
    return undefined;
  }
}

async function downloadPinned(
  pip: Pip,
  wheel: Pick<Wheel, 'name' | 'version'> & { bytes?: number },
  platform: WheelPlatform,
  folder: string,
  cpuIndex: boolean,
  { env, onEvent, signal }: FetchContext,
): Promise<string> {
  const already = await folderSize(join(folder, 'wheels'));
  onEvent({
    type: 'stage',
    stage: 'download',
    text: `Downloading ${wheel.name} ${wheel.version.replace(/\.\*$/, '')} with pip`,
  });
  const onBytes = (bytes: number): void =>
    onEvent({
      type: 'progress',
      stage: 'download',
      done: Math.max(0, bytes - already),
      total: wheel.bytes,
      unit: 'bytes',
    });
  return await downloadWheel(pip, wheel, { platform, folder, cpuIndex, onBytes, env, signal });
}

async function folderSize(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).then((info) => info.size)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Takes LibTorch from a folder (used where it is), a wheel, a folder of wheels, or a libtorch zip. */
export async function takeLibTorch(
  from: string,
  sha256: string | undefined,
  context: FetchContext,
): Promise<LibTorch> {
  const info = await stat(from).catch(() => undefined);
  if (info === undefined) {
    throw new UsageError(`--from names ${from}, which does not exist.`, {
      code: 'E_FROM',
      cure: 'Name a folder with include/ and lib/, a torch wheel (.whl), or a libtorch archive (.zip).',
    });
  }
  if (info.isDirectory()) {
    if (locateLibTorch(from) !== undefined) return await takeFolder(from, context);
    const wheels = (await readdir(from)).filter((name) => /^torch-.+\.whl$/.test(name));
    if (wheels.length === 1) return await takeArchive(join(from, wheels[0] as string), sha256, context);
    // Says what a folder must have.
    await inspectLibTorch(from, '--from', context.variant);
  }
  if (!/\.(whl|zip)$/.test(from)) {
    throw new UsageError(
      `--from names ${from}, which is neither a folder, a wheel (.whl) nor a zip archive (.zip).`,
      {
        code: 'E_FROM',
        cure: 'Unpack other kinds of archive yourself and name the folder.',
      },
    );
  }
  return await takeArchive(from, sha256, context);
}

async function takeFolder(from: string, context: FetchContext): Promise<LibTorch> {
  const found = await inspectLibTorch(from, '--from', context.variant);
  const record: LibTorchRecord = {
    schema: 1,
    version: found.version,
    variant: found.variant,
    dir: found.dir,
    origin: `folder ${found.dir}`,
  };
  await choose(record, context);
  return { ...found, origin: record.origin };
}

async function takeArchive(
  path: string,
  sha256: string | undefined,
  context: FetchContext,
): Promise<LibTorch> {
  await requireSpace(context.cache, UNPACKED_BYTES[context.variant]);
  const digest = await verifyDigest(path, sha256, context.onEvent, context.signal);
  const taken = await install(context, undefined, async (folder, archives) => {
    const archive = await ZipArchive.open(path);
    archives.push(archive);
    if (context.variant === 'cuda' && path.endsWith('.whl')) {
      await addCudaPackages(archive, archives, dirname(path), folder, context);
    } else if (path.endsWith('.whl') && isCudaBuild(archive.entries) && process.platform === 'linux') {
      archives.push(...(await openCompanions(path, folder, context)));
    }
    return { origin: basename(path), sha256: digest };
  });
  return taken;
}

/** libcudart and libcupti for a CUDA wheel: from wheels that lie beside it, else through pip. */
async function openCompanions(path: string, folder: string, context: FetchContext): Promise<ZipArchive[]> {
  const platform = wheelPlatform();
  const version = basename(path).match(/^torch-(\d+\.\d+\.\d+)/)?.[1] ?? '';
  const wanted = pinFor(version, platform).companions;
  const beside = await readdir(dirname(path));
  const opened: ZipArchive[] = [];
  for (const wheel of wanted) {
    const prefix = `${wheel.name.replaceAll('-', '_')}-${wheel.version}-`;
    const local = beside.find((name) => name.startsWith(prefix) && name.endsWith('.whl'));
    let file = local === undefined ? undefined : join(dirname(path), local);
    if (file === undefined) {
      const pip = await findPip(context.env);
      if (pip === undefined) {
        throw new RuntimeError(
          `${basename(path)} is a CUDA build, which also needs ${wheel.name} ${wheel.version}.`,
          {
            code: 'E_NO_COMPANION',
            cure: `Put the wheels of ${wanted.map((each) => `${each.name}==${each.version}`).join(' and ')} beside it, or install pip, or pass a CPU-only wheel.`,
          },
        );
      }
      file = await downloadPinned(
        pip,
        wheel,
        platform as WheelPlatform,
        join(folder, 'download'),
        false,
        context,
      );
    }
    await verifyDigest(file, wheel.sha256, context.onEvent, context.signal);
    opened.push(await ZipArchive.open(file));
  }
  return opened;
}

/**
 * Unpacks archives that `open` provides into `libtorch/<version>-<variant>` of the cache. With no `version` the archive says it.
 */
async function install(
  context: FetchContext,
  version: string | undefined,
  open: (folder: string, archives: ZipArchive[]) => Promise<{ origin: string; sha256?: string }>,
): Promise<LibTorch> {
  const parent = libTorchFolder(context.cache);
  // Unpacked under the version that is expected; an archive of the user's is named once its header has been read.
  const staging = join(parent, `${version ?? 'unknown'}-${context.variant}`);
  let found = version ?? '';
  const fill = async (folder: string): Promise<void> => {
    const archives: ZipArchive[] = [];
    try {
      const source = await open(folder, archives);
      await unpack(archives, folder, context.variant, context.onEvent, context.signal);
      found = await verifyUnpacked(folder, version, context.variant);
      const record: LibTorchRecord = {
        schema: 1,
        version: found,
        variant: context.variant,
        dir: 'torch',
        ...source,
      };
      await writeFile(join(folder, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`);
    } finally {
      for (const archive of archives) await archive.close();
    }
    await rm(join(folder, 'download'), { recursive: true, force: true });
  };
  await writeFolder(staging, fill);
  if (version === undefined) {
    // Renamed within the cache; the record is relative, so nothing in it changes.
    const target = join(parent, `${found}-${context.variant}`);
    await rm(target, { recursive: true, force: true });
    await rename(staging, target);
  }
  await rm(join(parent, `chosen-${context.variant}`), { recursive: true, force: true });
  const result = await readRecord(join(parent, `${found}-${context.variant}`));
  if (result === undefined) throw incomplete(staging);
  if (version === undefined) {
    await choose(
      { schema: 1, version: found, variant: context.variant, dir: result.dir, origin: result.origin },
      context,
    );
  }
  return result;
}

async function verifyUnpacked(
  folder: string,
  expected: string | undefined,
  variant: Variant,
): Promise<string> {
  const dir = locateLibTorch(folder);
  if (dir === undefined) throw incomplete(folder);
  if (variant === 'cuda' && !hasCuda(dir)) throw noCuda('The archive');
  const version = await readVersion(dir);
  if (expected !== undefined && version !== expected) {
    throw new RuntimeError(`The archive holds LibTorch ${version}, not ${expected}.`, {
      code: 'E_LIBTORCH_VERSION',
      cure: 'Check which index pip uses: `pip config list`.',
    });
  }
  if (!isSupported(version)) {
    throw new RuntimeError(
      `The archive holds LibTorch ${version}; ${OLDEST_LIBTORCH} to ${NEWEST_LIBTORCH} are supported.`,
      {
        code: 'E_LIBTORCH_VERSION',
        cure: 'Pass a wheel or archive of a supported release.',
      },
    );
  }
  return version;
}

/** Makes what the user handed over the first choice from now on. */
async function choose(record: LibTorchRecord, context: FetchContext): Promise<void> {
  await writeFolder(join(libTorchFolder(context.cache), `chosen-${context.variant}`), async (folder) => {
    await writeFile(join(folder, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`);
  });
}

/** @throws RuntimeError `E_DISK_FULL` where fewer bytes are free */
export async function requireSpace(cache: string, bytes: number): Promise<void> {
  const free = await freeBytes(cache);
  if (free === undefined || free >= bytes) return;
  throw new RuntimeError(
    `About ${(bytes / 1e9).toFixed(1)} GB are needed below ${cache} for LibTorch; ${(free / 1e9).toFixed(1)} GB are free.`,
    { code: 'E_DISK_FULL', cure: 'Free some space, or set SER_CACHE to a folder on a larger disk.' },
  );
}

/** Bytes free to this user on the disk of `path`, or of its nearest folder that exists. */
export async function freeBytes(path: string): Promise<number | undefined> {
  for (let at = path; ; at = dirname(at)) {
    const info = await statfs(at).catch(() => undefined);
    if (info !== undefined) return info.bavail * info.bsize;
    if (at === dirname(at)) return undefined;
  }
}

function noPip(): RuntimeError {
  return new RuntimeError(
    'LibTorch is not on this machine, and there is no pip to fetch it with (looked for python3 -m pip, pip3 and pip).',
    {
      code: 'E_NO_PIP',
      cure: "Install pip (e.g. sudo apt-get install python3-pip), or hand LibTorch over: `npx ser-native setup --from PATH` takes a torch wheel, a libtorch zip with --sha256, or a folder such as a Python's site-packages/torch.",
    },
  );
}

function incomplete(folder: string): RuntimeError {
  return new RuntimeError(
    `What was unpacked to ${folder} is no complete LibTorch (include/ATen and libtorch_cpu are expected).`,
    {
      code: 'E_ARCHIVE',
      cure: 'Pass a torch wheel or a libtorch-shared-with-deps archive for this platform.',
    },
  );
}
