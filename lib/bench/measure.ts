/** Runs steps and turns their times into figures. */
import type { SerEngine } from '../native/engine.js';
import { audioSeconds, type Clip } from './clips.js';
import { peakBytes, resetPeak } from './memory.js';
import { quartiles, sum } from './quartiles.js';
import type { BenchPrecision, Roofline, Throughput } from './types.js';
import type { Workload } from './workload.js';

/** Batches in the order in which they are run; the first ones do not count. */
export interface Schedule {
  warmups: readonly Clip[][];
  counted: readonly Clip[][];
  /** Seconds after which fewer counted steps will do. */
  limit: number;
}

export const LEAST_STEPS = 3;

/** Two steps are in flight, as in training; a step lasts from the end of the one before to its own. Resolves to seconds. */
export async function timeSteps(
  workload: Workload,
  { warmups, counted, limit }: Schedule,
  options: { signal?: AbortSignal; onStep?: (done: number, total: number) => void } = {},
): Promise<number[]> {
  const batches = [...warmups, ...counted];
  const underWay: Promise<void>[] = [];
  const seconds: number[] = [];
  let ended = performance.now();
  let spent = 0;
  const finishOne = async () => {
    await underWay.shift();
    const now = performance.now();
    seconds.push((now - ended) / 1000);
    ended = now;
    if (seconds.length > warmups.length) spent += seconds.at(-1)!;
    options.onStep?.(seconds.length, batches.length);
  };
  for (const batch of batches) {
    if (spent > limit && seconds.length + underWay.length >= warmups.length + LEAST_STEPS) break;
    const step = workload.step(batch, options.signal);
    step.catch(() => {}); // told by finishOne, which may come too late for the process
    underWay.push(step);
    if (underWay.length === 2) await finishOne();
  }
  while (underWay.length > 0) await finishOne();
  return seconds.slice(warmups.length);
}

/** @param stepSeconds of the first so many of `counted` */
export function throughput(
  stepSeconds: readonly number[],
  counted: readonly Clip[][],
  facts: { workload: Workload; precision: BenchPrecision; roofline: Roofline; peakBytes: number | null },
): Throughput {
  const done = counted.slice(0, stepSeconds.length);
  const seconds = sum(stepSeconds);
  const audio = sum(done.map(audioSeconds));
  const flops = sum(done.map((clips) => facts.workload.flops(clips))) / seconds;
  const peak = facts.roofline.gemm[facts.precision]?.flops;
  const { median, lower, upper } = quartiles(stepSeconds);
  return {
    stepSeconds: [...stepSeconds],
    stepMilliseconds: { median: 1000 * median, lower: 1000 * lower, upper: 1000 * upper },
    audioSeconds: audio,
    audioSecondsPerSecond: audio / seconds,
    tflops: flops / 1e12,
    shareOfPeak: peak === undefined ? null : flops / peak,
    peakBytes: facts.peakBytes,
  };
}

/** Times a workload alone and takes the memory that it needed. */
export async function measureAlone(
  engine: SerEngine,
  workload: Workload,
  schedule: Schedule,
  facts: { precision: BenchPrecision; roofline: Roofline },
  options: { signal?: AbortSignal; onStep?: (done: number, total: number) => void },
): Promise<Throughput> {
  await resetPeak(engine);
  const seconds = await timeSteps(workload, schedule, options);
  return throughput(seconds, schedule.counted, { ...facts, workload, peakBytes: await peakBytes(engine) });
}
