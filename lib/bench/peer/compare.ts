/** Steps of ours and of a peer in turns, over the same clips, so that whatever else the machine does meets both alike. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeStore, SerEngine } from '../../native/engine.js';
import { CLASSES, type Clip, NOISE_SAMPLES, paddedSeconds } from '../clips.js';
import type { BenchEncoder } from '../encoders.js';
import { LEAST_STEPS, throughput } from '../measure.js';
import { peakBytes, resetPeak } from '../memory.js';
import { sum } from '../quartiles.js';
import type {
  BenchPrecision,
  BenchTask,
  Case,
  OutputCheck,
  PeerComparison,
  PeerRow,
  Roofline,
  Throughput,
} from '../types.js';
import { PLAIN, Workload } from '../workload.js';
import { Contestant, peerScript } from './contestant.js';
import { type Variant, variantsOf } from './variants.js';

/** Batches of one length law in one way of batching. */
export interface ComparedBatches {
  lengths: string;
  batching: Case['batching'];
  warmups: readonly Clip[][];
  counted: readonly Clip[][];
}

export interface CompareOptions {
  engine: SerEngine;
  store: NativeStore;
  /** File of int16 noise behind `store`. */
  noise: string;
  /** For plans and outputs. */
  folder: string;
  python: string;
  encoder: BenchEncoder;
  task: BenchTask;
  precision: BenchPrecision;
  batches: readonly ComparedBatches[];
  roofline: Roofline;
  compile: boolean;
  limit: number;
  seed: number;
  offline?: boolean;
  signal?: AbortSignal;
  onStep: (what: string, done: number, total: number) => void;
  onNote: (note: string) => void;
}

export interface Compared {
  comparisons: PeerComparison[];
  /** Our own figures, in the order of `batches`. */
  own: {
    workload: { parameters: number };
    batches: ComparedBatches;
    throughput: Throughput;
    flops: number;
  }[];
  outputs: OutputCheck[];
}

interface Entrant {
  program: string;
  variant: string;
  ours: boolean;
  isDefault: boolean;
  workload?: Workload;
  contestant?: Contestant;
}

/** Compares one encoder, task and precision over all batches; a peer that fails is told to `onNote` and left out. */
export async function compareWithTransformers(options: CompareOptions): Promise<Compared> {
  const clips = [
    ...new Set(options.batches.flatMap(({ warmups, counted }) => [...warmups, ...counted].flat())),
  ];
  const { engine, store, encoder, task, precision, seed, offline, signal } = options;
  const open = (window30: boolean) =>
    Workload.open(engine, store, {
      ...{ encoder, task, precision, clips, seed, offline, signal, window30 },
      recipe: 'plain',
    });
  const entrants: Entrant[] = [];
  try {
    const workload = await open(false);
    const whisper = workload.encoder.kind === 'whisper';
    entrants.push({
      program: 'ser-native',
      variant: whisper ? 'own length' : '',
      ours: true,
      isDefault: true,
      workload,
    });
    if (whisper && task === 'inference') {
      // transformers takes nothing else than 30 s, so that work is compared as well.
      entrants.push({
        ...{ program: 'ser-native', variant: '30 s window', ours: true, isDefault: false },
        workload: await open(true),
      });
    }
    const plan = await writePlan(options);
    for (const variant of variantsOf(workload.encoder, options.compile)) {
      const contestant = await startPeer(variant, plan, options);
      if (contestant)
        entrants.push({
          ...{ program: 'transformers', variant: variant.name, ours: false, isDefault: variant.isDefault },
          contestant,
        });
    }
    const outputs = await compareOutputs(entrants, clips[0]!, options);
    const result: Compared = { comparisons: [], own: [], outputs };
    for (const batches of options.batches) {
      const { comparison, own } = await inTurns(entrants, batches, options);
      result.comparisons.push(comparison);
      const flops = sum(batches.counted.slice(0, own.stepSeconds.length).map((each) => workload.flops(each)));
      result.own.push({ workload, batches, throughput: own, flops });
    }
    return result;
  } finally {
    for (const { contestant } of entrants) contestant?.kill();
    for (const { workload } of entrants) await workload?.[Symbol.asyncDispose]().catch(() => {});
  }
}

const planKey = ({ lengths, batching }: ComparedBatches): string => `${lengths} ${batching}`;

async function writePlan({ folder, noise, batches }: CompareOptions): Promise<string> {
  const path = join(folder, 'plan.json');
  const plain = (clips: readonly Clip[]) => ({
    offsets: clips.map(({ offset }) => offset),
    lengths: clips.map(({ length }) => length),
    labels: clips.map(({ label }) => label),
  });
  const plan = {
    path: noise,
    samples: NOISE_SAMPLES,
    classes: CLASSES,
    ...PLAIN,
    batches: Object.fromEntries(
      batches.map((each) => [planKey(each), [...each.warmups, ...each.counted].map(plain)]),
    ),
  };
  await writeFile(path, JSON.stringify(plan));
  return path;
}

async function startPeer(
  variant: Variant,
  plan: string,
  options: CompareOptions,
): Promise<Contestant | undefined> {
  const { engine, encoder, task, precision, python } = options;
  const directory = encoder.directory!;
  options.signal?.throwIfAborted();
  try {
    return await Contestant.start(
      `transformers ${variant.name}`,
      python,
      [
        ...[peerScript('transformers_peer.py'), directory, plan, '--task', task, '--dtype', precision],
        ...['--device', engine.options.device, '--threads', String(engine.options.threads), ...variant.args],
      ],
      { threads: engine.options.threads, signal: options.signal },
    );
  } catch (error) {
    if (options.signal?.aborted) throw error;
    options.onNote(`${encoder.name}, ${task} ${precision}: ${(error as Error).message}`);
    return undefined;
  }
}

/** The frames of one clip by every peer against ours: transformers' Whisper against our 30 s window. */
async function compareOutputs(
  entrants: Entrant[],
  clip: Clip,
  options: CompareOptions,
): Promise<OutputCheck[]> {
  const { folder, encoder, precision } = options;
  const path = join(folder, 'frames.f32');
  const read = async () => {
    const bytes = await readFile(path);
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  };
  const ours = entrants.filter(({ workload }) => workload).at(-1)!.workload!;
  await writeFile(path, ''); // frames are written behind what is there
  await ours.writeFrames(clip, path, options.signal);
  const own = await read();
  const checks: OutputCheck[] = [];
  for (const { contestant, variant } of entrants) {
    if (!contestant) continue;
    try {
      await contestant.ask({ do: 'output', offset: clip.offset, length: clip.length, path });
    } catch (error) {
      options.onNote(`${encoder.name}: ${(error as Error).message}`);
      continue;
    }
    const theirs = await read();
    if (theirs.length !== own.length) continue; // Whisper in training: at its own length here, over 30 s there
    checks.push({ encoder: encoder.name, precision, variant, ...distance(own, theirs) });
  }
  return checks;
}

function distance(a: Float32Array, b: Float32Array): { cosine: number; maxDifference: number } {
  let [product, left, right, maxDifference] = [0, 0, 0, 0];
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index]!, b[index]!];
    product += x * y;
    left += x * x;
    right += y * y;
    maxDifference = Math.max(maxDifference, Math.abs(x - y));
  }
  return { cosine: product / Math.sqrt(left * right), maxDifference };
}

interface Turn {
  seconds: number;
  frontEnd?: number;
}

async function inTurns(
  entrants: Entrant[],
  batches: ComparedBatches,
  options: CompareOptions,
): Promise<{ comparison: PeerComparison; own: Throughput }> {
  const { engine, encoder, task, precision, roofline, limit, signal } = options;
  const all = [...batches.warmups, ...batches.counted];
  const key = planKey(batches);
  const what = `${encoder.name} ${task} ${precision}, ${key}, beside transformers`;
  const racing = new Set(entrants);
  const turns = new Map(entrants.map((entrant) => [entrant, [] as Turn[]]));
  await resetPeak(engine);
  for (const { contestant } of entrants) await contestant?.ask({ do: 'memory', reset: true }).catch(() => {});
  let spent = 0;
  for (const [index, clips] of all.entries()) {
    const counts = index >= batches.warmups.length;
    if (spent > limit && index >= batches.warmups.length + LEAST_STEPS) break;
    const began = performance.now();
    // Who goes first changes from step to step.
    const order = [...racing];
    for (let place = 0; place < order.length; place++) {
      const entrant = order[(place + index) % order.length]!;
      signal?.throwIfAborted();
      try {
        const turn = await takeTurn(entrant, clips, key, index, signal);
        if (counts) turns.get(entrant)!.push(turn);
      } catch (error) {
        if (entrant.ours || signal?.aborted) throw error;
        racing.delete(entrant);
        entrant.contestant?.kill();
        entrants.splice(entrants.indexOf(entrant), 1);
        options.onNote(`${what}: ${(error as Error).message}`);
      }
    }
    if (counts) spent += (performance.now() - began) / 1000;
    options.onStep(what, index + 1, all.length);
  }
  const ourPeak = await peakBytes(engine);
  const lead = entrants[0]!;
  const rows: PeerRow[] = [];
  for (const entrant of racing) {
    const own = turns.get(entrant)!;
    const peak = entrant.ours
      ? ourPeak
      : ((await entrant.contestant!.ask<{ peak: number | null }>({ do: 'memory' })).peak ?? null);
    const seconds = own.map((turn) => turn.seconds);
    const frontEnd = own.every((turn) => turn.frontEnd !== undefined)
      ? sum(own.map((turn) => turn.frontEnd!))
      : undefined;
    // Useful work is the same whoever does it: that of the clips at their own lengths.
    const workload =
      entrant.workload && entrant.variant !== '30 s window' ? entrant.workload : lead.workload!;
    rows.push({
      ...throughput(seconds, batches.counted, { workload, precision, roofline, peakBytes: peak }),
      program: entrant.program,
      ours: entrant.ours,
      variant: entrant.variant,
      isDefault: entrant.isDefault,
      ...(frontEnd === undefined ? {} : { frontEndSeconds: frontEnd }),
      ratio: entrant.ours ? null : sum(seconds) / sum(turns.get(lead)!.map((turn) => turn.seconds)),
      memoryRatio: entrant.ours || !peak || !ourPeak ? null : ourPeak / peak,
    });
  }
  const done = batches.counted.slice(0, rows[0]!.stepSeconds.length);
  return {
    own: rows[0]!,
    comparison: {
      ...{ encoder: encoder.name, task, precision, recipe: 'plain' },
      lengths: batches.lengths,
      batching: batches.batching,
      batch: sum(done.map((clips) => clips.length)) / done.length,
      paddedSeconds: sum(done.map(paddedSeconds)),
      rows,
    },
  };
}

async function takeTurn(
  { workload, contestant }: Entrant,
  clips: readonly Clip[],
  batching: string,
  index: number,
  signal: AbortSignal | undefined,
): Promise<Turn> {
  if (contestant) return contestant.ask<Turn>({ do: 'step', batching, index });
  const started = performance.now();
  await workload!.step(clips, signal);
  return { seconds: (performance.now() - started) / 1000 };
}
