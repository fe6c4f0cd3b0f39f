/**
 * Judges an addon before this process loads it: a child process loads it and runs a training step, so that a wrong library or a
 * wrong CPU costs a sentence and not the process. The verdict is kept beside the addon.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RuntimeError } from '../errors.js';
import { sha256File } from './archive.js';
import type { AddonPlace } from './build.js';
import type { LibTorch } from './libtorch.js';
import { runCommand } from './run-command.js';

export interface Verdict {
  schema: 1;
  ok: boolean;
  /** SHA-256 of the addon; another addon needs another probe. */
  addon: string;
  libtorch: string;
  /** Node's module version and the platform: a cache may be shared between machines. */
  node: string;
  /** What LibTorch dispatches to here, e.g. `AVX512`. */
  capability?: string;
  compiler?: string;
  /** Why not, for a person. */
  reason?: string;
}

/** Loading LibTorch from a slow disk takes seconds; a step of the tiny model milliseconds. */
const PROBE_MS = 120_000;

// Plain CommonJS handed over on the command line: it must run from TypeScript sources and from dist/ alike.
const CHILD = `
const addon = require(process.argv[1]);
const say = (value) => require('node:fs').writeSync(1, 'SER_PROBE ' + JSON.stringify(value) + '\\n');
const info = addon.buildInfo();
addon.start({ threads: 1, device: 'cpu', deterministic: true });
addon.selfTest().then(
  (loss) => { addon.stop(); say({ ok: Number.isFinite(loss), loss, info }); },
  (error) => { addon.stop(); say({ ok: false, reason: error.code + ': ' + error.message, info }); });
`;

function nodeKey(): string {
  return `${process.platform}-${process.arch}-${process.versions.modules}`;
}

function verdictFile(place: AddonPlace): string {
  return join(place.dir, `verdict-${nodeKey()}.json`);
}

/** The kept verdict if it is about this very addon; undefined when there is none or the addon has changed. */
export async function readVerdict(place: AddonPlace, libtorch: LibTorch): Promise<Verdict | undefined> {
  try {
    const verdict = JSON.parse(await readFile(verdictFile(place), 'utf8')) as Verdict;
    const current =
      verdict.schema === 1 && verdict.libtorch === libtorch.version && verdict.node === nodeKey();
    return current && verdict.addon === (await sha256File(place.file)) ? verdict : undefined;
  } catch {
    return undefined;
  }
}

/** Runs the child and keeps its verdict where the cache can be written. */
export async function probeAddon(
  place: AddonPlace,
  libtorch: LibTorch,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Verdict> {
  const child = await runCommand(process.execPath, ['-e', CHILD, place.file], {
    // Options of the parent (a loader, an inspector) are not the child's.
    env: { ...env, NODE_OPTIONS: '' },
    timeoutMs: PROBE_MS,
    signal,
  });
  const verdict: Verdict = {
    schema: 1,
    ok: false,
    addon: await sha256File(place.file),
    libtorch: libtorch.version,
    node: nodeKey(),
  };
  const line = child.stdout.split('\n').find((text) => text.startsWith('SER_PROBE '));
  if (line !== undefined) {
    const said = JSON.parse(line.slice('SER_PROBE '.length)) as {
      ok: boolean;
      reason?: string;
      info: { capability: string; compiler: string };
    };
    verdict.ok = said.ok && child.status === 0;
    verdict.capability = said.info.capability;
    verdict.compiler = said.info.compiler;
    if (!verdict.ok) verdict.reason = said.reason ?? 'the loss of its training step is not a finite number';
    if (said.ok && child.status !== 0)
      verdict.reason = `it did not exit cleanly (${ending(child.status, child.signal)})`;
  } else {
    const error = child.stderr
      .split('\n')
      .find((text) => /error/i.test(text))
      ?.trim();
    const how = child.timedOut
      ? `it gave no answer within ${PROBE_MS / 1000} s`
      : `it ended with ${ending(child.status, child.signal)}`;
    verdict.reason = error === undefined ? how : `${how}: ${error}`;
  }
  // In a cache that cannot be written the probe is run again by the next process; that is slow, not wrong.
  await writeFile(verdictFile(place), `${JSON.stringify(verdict, null, 2)}\n`).catch(() => {});
  return verdict;
}

function ending(status: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit status ${status}` : signal;
}

/** The error for an addon that did not pass. */
export function probeFailure(verdict: Verdict, libtorch: LibTorch): RuntimeError {
  const missing = verdict.reason?.match(/(lib[\w.+-]+\.so[\w.]*): cannot open shared object/)?.[1];
  return new RuntimeError(
    `The addon was compiled, but a trial step in a child process failed: ${verdict.reason ?? 'no reason given'}.`,
    {
      code: 'E_PROBE',
      cure:
        missing === undefined
          ? 'Run `npx ser-native setup --force` to compile it again; if it fails again, report the output of `npx ser-native doctor`.'
          : `The loader does not find ${missing}, which the LibTorch in ${libtorch.dir} needs: unset SER_LIBTORCH to let set-up fetch a whole one, or install the library.`,
      details: verdict,
    },
  );
}
