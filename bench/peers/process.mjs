/** Programs that are compared run as processes of their own and take turns: only one of them is awake at a time. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPython } from '../../dist/bench/peer/python.js';
import { SerError } from '../../dist/errors.js';
import { describeCpu } from '../../dist/runtime/toolchain.js';

export { Contestant, peerScript } from '../../dist/bench/peer/contestant.js';

const temporary = new Set();

process.once('exit', () => {
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));

/** What the user can mend: told without a stack. */
export class BenchError extends Error {}

/** Runs main() and tells its failure: that of the user's doing in a line, any other with its stack. */
export async function runProgram(main) {
  try {
    await main();
  } catch (error) {
    const told = error instanceof BenchError || error instanceof SerError;
    process.stderr.write(told ? `${error.message}\n` : `${error?.stack ?? error}\n`);
    process.exitCode = 1;
  }
}

/** The folder that --keep names, or one that is gone when the program ends. */
export function workFolder(keep) {
  if (keep) {
    mkdirSync(keep, { recursive: true });
    return resolve(keep);
  }
  const folder = mkdtempSync(join(tmpdir(), 'ser-bench-'));
  temporary.add(folder);
  return folder;
}

/** Path of a file of this folder. */
export const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Flags of the processor that matter to speed, and whether it multiplies bf16 itself. */
export async function processor() {
  const { isa } = await describeCpu('');
  return { isa, bf16: ['avx512_bf16', 'amx_bf16'].some((flag) => isa.includes(flag)) };
}

/** A whole number of at least `least`, as given to an option. */
export function count(options, name, least = 1) {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < least) {
    throw new BenchError(`--${name} takes a whole number of at least ${least}, not "${options[name]}"`);
  }
  return value;
}

/** Versions of the packages that a benchmark needs, by name; fails saying which are missing. */
export async function requirePython(python, packages) {
  const found = await findPython(python, packages);
  if (found.missing === undefined) return found.versions;
  throw new BenchError(
    `${found.missing}. Name another Python with --python PATH, or: pip install -r bench/peers/requirements.txt`,
  );
}

/**
 * Lets all take turns, `rounds` times after `warmups`: whatever else the machine does meets everyone alike. Who begins changes
 * from round to round.
 *
 * @returns each contestant's answers, one a round, by name
 */
export async function takeTurns(contestants, { rounds, warmups, request, onRound = () => {} }) {
  const answers = Object.fromEntries(contestants.map(({ name }) => [name, []]));
  for (let round = -warmups; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + Math.max(0, round)) % contestants.length];
      const answer = await contestant.ask(request);
      if (round >= 0) answers[contestant.name].push(answer);
    }
    onRound(round + warmups + 1, rounds + warmups);
  }
  return answers;
}
