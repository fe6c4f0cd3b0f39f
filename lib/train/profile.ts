/** A profile of a few training steps: where their time goes, as a summary in the run folder and a trace beside it. */
import { join } from 'node:path';
import type { ProfileResult } from '../../bindings.js';
import { SerError } from '../errors.js';
import type { SerEngine } from '../native/engine.js';
import { writeTextAtomically } from './atomic-file.js';

export const PHASES = [
  'waiting',
  'mixing',
  'encoder',
  'head',
  'losses',
  'backward',
  'optimiser',
  'other',
] as const;
export type Phase = (typeof PHASES)[number];

/** Steps before the profile: the first ones fill caches, of memory and of compiled or tuned kernels. */
const WARM_UP = 3;
const TRACE_FILE = 'profile-trace.json';

/** What `profile.json` in a run folder holds. */
export interface RunProfile {
  schema: 'ser-native/profile@1';
  device: 'cpu' | 'cuda';
  gpu: string | null;
  precision: string;
  seed: number;
  fold: number;
  epoch: number;
  /** Steps that were profiled. */
  steps: number;
  /** Of a step, from the end of the one before to its own. */
  millisecondsPerStep: number;
  /** Milliseconds of a step, and their share of it; the shares sum to 1. */
  phases: Record<Phase, { milliseconds: number; share: number }>;
  /** Trace for Chrome's viewer (chrome://tracing, Perfetto), beside this file; null where LibTorch wrote none. */
  trace: string | null;
  note?: string;
}

export interface ProfiledPlace {
  engine: SerEngine;
  precision: string;
  seed: number;
  fold: number;
  epoch: number;
}

/**
 * Profiles the first steps of a run after a few that warm up. It ends with an epoch, whose evaluation is no training step; an
 * epoch of few steps gives fewer than were asked for. A profile that fails is told and costs nothing else.
 */
export class RunProfiler {
  readonly #steps: number;
  readonly #directory: string;
  readonly #onProfile: (profile: RunProfile, path: string) => void;
  readonly #onProblem: (message: string) => void;
  #seen = 0;
  #counted = 0;
  #running: Promise<void> | null = null;
  #done = false;

  constructor(
    steps: number,
    directory: string,
    onProfile: (profile: RunProfile, path: string) => void,
    onProblem: (message: string) => void,
  ) {
    this.#steps = steps;
    this.#directory = directory;
    this.#onProfile = onProfile;
    this.#onProblem = onProblem;
  }

  /** Call before a step is enqueued; `left` steps of the epoch are, this one among them. */
  beforeStep({ engine }: ProfiledPlace, left: number): void {
    if (this.#done) return;
    if (this.#running === null) {
      // Warm by the number of steps; in epochs too short for both, from the next epoch on.
      if (this.#seen++ < WARM_UP || left < Math.min(this.#steps, 2)) return;
      this.#running = engine.startProfile();
      this.#running.catch(() => {}); // told by the end
    }
    this.#counted++;
  }

  /** Call after a step has been enqueued, and with `last` when an epoch's steps have ended. */
  async afterStep(place: ProfiledPlace, last: boolean): Promise<void> {
    if (this.#done || this.#running === null || (!last && this.#counted < this.#steps)) return;
    this.#done = true;
    try {
      const stopping = place.engine.stopProfile(join(this.#directory, TRACE_FILE));
      stopping.catch(() => {});
      await this.#running;
      const profile = summary(await stopping, place);
      const path = join(this.#directory, 'profile.json');
      await writeTextAtomically(path, `${JSON.stringify(profile, null, 2)}\n`);
      this.#onProfile(profile, path);
    } catch (error) {
      if (!(error instanceof SerError)) throw error;
      this.#onProblem(`there is no profile: ${error.message}`);
    }
  }

  /** Call after the run's last step: where too few came for a profile, says so. */
  end(): void {
    if (this.#done) return;
    this.#done = true;
    this.#onProblem(
      `there is no profile: ${WARM_UP} steps warm up, and no epoch after them had ${Math.min(this.#steps, 2)}. Train more epochs or folds, or smaller batches (--set batch.size=N)`,
    );
  }
}

/** Seconds of several steps as milliseconds and shares of one. */
export function summary(result: ProfileResult, place: ProfiledPlace): RunProfile {
  const { steps, seconds, phases, problem } = result;
  const per = (value: number): number => (steps === 0 ? 0 : (1000 * value) / steps);
  return {
    schema: 'ser-native/profile@1',
    device: place.engine.options.device,
    gpu: place.engine.gpu ?? null,
    precision: place.precision,
    seed: place.seed,
    fold: place.fold,
    epoch: place.epoch,
    steps,
    millisecondsPerStep: per(seconds),
    phases: Object.fromEntries(
      PHASES.map((name) => [
        name,
        { milliseconds: per(phases[name]), share: seconds > 0 ? phases[name] / seconds : 0 },
      ]),
    ) as RunProfile['phases'],
    trace: problem === undefined ? TRACE_FILE : null,
    ...(problem === undefined ? {} : { note: problem }),
  };
}

const WORDS: Record<Phase, string> = {
  waiting: 'waiting for data',
  mixing: 'mixing',
  encoder: 'encoder',
  head: 'head',
  losses: 'losses',
  backward: 'backward',
  optimiser: 'optimiser',
  other: 'other',
};

/** A table for a terminal, a line a phase. */
export function profileText(profile: RunProfile): string[] {
  const where = profile.gpu ?? (profile.device === 'cpu' ? 'CPU' : 'GPU');
  return [
    `profile   ${profile.steps} steps of fold ${profile.fold}, epoch ${profile.epoch} (${where}, ${profile.precision}): ${profile.millisecondsPerStep.toFixed(2)} ms a step`,
    ...PHASES.map((name) => {
      const { milliseconds, share } = profile.phases[name];
      return `  ${WORDS[name].padEnd(16)}  ${milliseconds.toFixed(2).padStart(9)} ms  ${(100 * share).toFixed(1).padStart(5)} %`;
    }),
  ];
}
