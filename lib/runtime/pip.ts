/** Fetches wheels with the user's own pip, so that its index, mirror, proxy and certificates apply. */

import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InterruptedError, RuntimeError } from '../errors.js';
import { explainDiskError } from './cache.js';
import {
  CPU_WHEEL_INDEX,
  WHEEL_ABI,
  WHEEL_PYTHON,
  WHEEL_TAGS,
  type Wheel,
  type WheelPlatform,
} from './pins.js';
import { runCommand } from './run-command.js';

export interface Pip {
  command: string[];
  version: string;
}

const CANDIDATES = [
  ['python3', '-m', 'pip'],
  ['pip3'],
  ['pip'],
  ['python', '-m', 'pip'],
  ['py', '-3', '-m', 'pip'],
];
/** pip 20.3 brought the resolver that understands the tags below together with `--only-binary`. */
const CHECK_MS = 20_000;

/** The first pip that answers on PATH; undefined when there is none. */
export async function findPip(env: NodeJS.ProcessEnv = process.env): Promise<Pip | undefined> {
  for (const command of CANDIDATES) {
    const [program = '', ...args] = command;
    const result = await runCommand(program, [...args, '--version'], { env, timeoutMs: CHECK_MS });
    const version = result.stdout.match(/^pip (\S+)/)?.[1];
    if (result.status === 0 && version !== undefined) return { command, version };
  }
  return undefined;
}

export interface DownloadOptions {
  platform: WheelPlatform;
  /** Empty folder for the wheel; pip's temporary files go there as well, so that its progress can be seen. */
  folder: string;
  /** Look on PyTorch's own index too and give up on it within seconds. */
  cpuIndex?: boolean;
  onBytes?: (bytes: number) => void;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/** Thrown within this folder only: no index that pip knows has the wheel. */
export class NoSuchWheel extends RuntimeError {}

/**
 * Downloads one wheel without its dependencies and returns its path.
 *
 * @throws NoSuchWheel when no index has it; RuntimeError `E_NETWORK` or `E_PIP` when pip failed otherwise
 */
export async function downloadWheel(
  pip: Pip,
  wheel: Pick<Wheel, 'name' | 'version'>,
  options: DownloadOptions,
): Promise<string> {
  const destination = join(options.folder, 'wheels');
  const temporary = join(options.folder, 'pip');
  await mkdir(destination, { recursive: true });
  await mkdir(temporary, { recursive: true });
  // A version is exact unless it says otherwise, e.g. `>=2.28,<3`.
  const requirement = /^\d/.test(wheel.version)
    ? `${wheel.name}==${wheel.version}`
    : `${wheel.name}${wheel.version}`;
  const [program = '', ...prefix] = pip.command;
  const args = [
    ...prefix,
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--no-cache-dir',
    '--disable-pip-version-check',
    '--progress-bar=off',
    ...['--python-version', WHEEL_PYTHON, '--implementation', 'cp', '--abi', WHEEL_ABI, '--abi', 'none'],
    ...WHEEL_TAGS[options.platform].flatMap((tag) => ['--platform', tag]),
    ...['--dest', destination],
    ...(options.cpuIndex ? ['--retries', '0', '--timeout', '5', '--extra-index-url', CPU_WHEEL_INDEX] : []),
    requirement,
  ];
  const before = new Set(await readdir(destination));
  const watch = setInterval(() => {
    folderBytes(options.folder).then(options.onBytes, () => {});
  }, 250);
  try {
    const result = await runCommand(program, args, {
      env: { ...(options.env ?? process.env), TMPDIR: temporary, TEMP: temporary, TMP: temporary },
      signal: options.signal,
    });
    const fetched = (await readdir(destination)).find((name) => !before.has(name) && name.endsWith('.whl'));
    if (result.status === 0 && fetched !== undefined) return join(destination, fetched);
    throw explainPipFailure(requirement, `${result.stdout}\n${result.stderr}`, options.folder);
  } catch (error) {
    if (error instanceof InterruptedError || error instanceof RuntimeError) throw error;
    throw explainDiskError(error, options.folder);
  } finally {
    clearInterval(watch);
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Installs a requirement with all it depends on into `folder`, where no Python looks for it. */
export async function installPackages(
  pip: Pip,
  requirement: string,
  folder: string,
  options: Pick<DownloadOptions, 'onBytes' | 'env' | 'signal'>,
): Promise<void> {
  const temporary = join(folder, '.pip');
  await mkdir(temporary, { recursive: true });
  const [program = '', ...prefix] = pip.command;
  const watch = setInterval(() => {
    folderBytes(folder).then(options.onBytes, () => {});
  }, 500);
  try {
    const result = await runCommand(
      program,
      [
        ...prefix,
        'install',
        ...['--target', folder, '--only-binary=:all:', '--no-cache-dir', '--no-compile'],
        ...['--disable-pip-version-check', '--progress-bar=off', '--no-warn-conflicts', requirement],
      ],
      {
        env: { ...(options.env ?? process.env), TMPDIR: temporary, TEMP: temporary, TMP: temporary },
        signal: options.signal,
      },
    );
    if (result.status !== 0)
      throw explainPipFailure(requirement, `${result.stdout}\n${result.stderr}`, folder);
  } finally {
    clearInterval(watch);
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Files below a folder, in bytes; what vanishes while it is counted counts as nothing. */
async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let sum = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    sum += await stat(join(entry.parentPath ?? entry.path, entry.name)).then(
      (info) => info.size,
      () => 0,
    );
  }
  return sum;
}

function explainPipFailure(requirement: string, output: string, folder: string): RuntimeError {
  const last = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^(ERROR|WARNING|Could not|.*Error)/.test(line))
    .slice(-3)
    .join(' ');
  const said = last === '' ? 'pip gave no reason' : `pip said: ${last}`;
  if (/No space left on device|Errno 28/.test(output)) {
    return explainDiskError(Object.assign(new Error(said), { code: 'ENOSPC' }), folder) as RuntimeError;
  }
  const elsewhere =
    'Or fetch the wheel on another machine and pass it: `npx ser-native setup --from FILE`; a Python that has torch serves as well: SER_LIBTORCH=.../site-packages/torch.';
  // Before the missing version: with no network pip lists the connection errors and then finds no version either.
  if (
    /NewConnectionError|Temporary failure in name resolution|ConnectTimeout|ProxyError|Network is unreachable|SSLError|Connection refused|ReadTimeout/i.test(
      output,
    )
  ) {
    return new RuntimeError(
      `${requirement} could not be downloaded: the package index did not answer (${said}).`,
      {
        code: 'E_NETWORK',
        cure: `Check the network, the proxy (HTTPS_PROXY) and pip's index (\`pip config list\`), then run set-up again. ${elsewhere}`,
      },
    );
  }
  if (/No matching distribution|Could not find a version/.test(output)) {
    return new NoSuchWheel(`No package index that pip knows has ${requirement} (${said}).`, {
      code: 'E_NO_WHEEL',
      cure: `Let pip use an index that mirrors PyTorch's wheels (\`pip config list\` shows the present one). ${elsewhere}`,
    });
  }
  return new RuntimeError(`pip could not download ${requirement} (${said}).`, {
    code: 'E_PIP',
    cure: `Run \`pip download --no-deps ${requirement}\` by hand to see why. ${elsewhere}`,
  });
}
