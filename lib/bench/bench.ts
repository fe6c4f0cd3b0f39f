/** The benchmark: what the device can do, then encoders, then single operations, then the device once more. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { InterruptedError } from '../errors.js';
import { openEngine, type SerEngine } from '../native/engine.js';
import { packageVersion } from '../runtime/version.js';
import {
  type Clip,
  type ClipLengths,
  describeLengths,
  drawClips,
  makeBatches,
  NOISE_SAMPLES,
  writeNoise,
} from './clips.js';
import { defaultPrecisions, describeDevice, rooflineOf } from './device.js';
import { type BenchEncoder, benchEncoder } from './encoders.js';
import { gflopPerAudioSecond } from './flops.js';
import { timeKernels } from './kernels.js';
import { measureAlone } from './measure.js';
import { type ComparedBatches, compareWithTransformers } from './peer/compare.js';
import { findPython, pythonProgram } from './peer/python.js';
import { sum } from './quartiles.js';
import { type BenchSettings, benchSettings } from './settings.js';
import type {
  BenchEvent,
  BenchOptions,
  BenchPrecision,
  BenchResult,
  BenchTask,
  PeerResult,
  Roofline,
  Throughput,
} from './types.js';
import { Workload } from './workload.js';

/** For the rates of the device, each time. */
const ROOFLINE_SECONDS = 3;
/** What else a machine does may change over a longer run, so that its rates are measured again at the end. */
const STEADY_MS = 30_000;

/**
 * Measures the engine on its device.
 *
 * @throws UsageError for a wrong option; DataError or RuntimeError where an encoder cannot be had, or LibTorch not be used;
 *   InterruptedError when aborted. A peer that is missing or fails is a note in the result.
 */
export async function bench(options: BenchOptions = {}): Promise<BenchResult> {
  const { signal } = options;
  const folder = options.keep ? resolve(options.keep) : await mkdtemp(join(tmpdir(), 'ser-bench-'));
  if (options.keep) await mkdir(folder, { recursive: true });
  try {
    const engine = await openEngine({
      device: options.device,
      threads: options.threads,
    });
    try {
      return await new Benchmark(engine, folder, options).run();
    } finally {
      await engine.dispose();
    }
  } catch (error) {
    if (!signal?.aborted || error instanceof InterruptedError) throw error;
    throw new InterruptedError('the benchmark was stopped', { code: 'E_INTERRUPTED', cause: error });
  } finally {
    if (!options.keep) await rm(folder, { recursive: true, force: true });
  }
}

class Benchmark {
  readonly #engine: SerEngine;
  readonly #folder: string;
  readonly #options: BenchOptions;
  readonly #notes: string[] = [];
  /** Program of the peer, once it is found. */
  #python = '';

  constructor(engine: SerEngine, folder: string, options: BenchOptions) {
    this.#engine = engine;
    this.#folder = folder;
    this.#options = options;
  }

  async run(): Promise<BenchResult> {
    const engine = this.#engine;
    const { signal } = this.#options;
    const settings = benchSettings(this.#options, {
      device: engine.options.device,
      precisions: await defaultPrecisions(engine),
    });
    const device = await describeDevice(engine);
    this.#emit({ type: 'device', device });
    this.#emit({ type: 'phase', what: 'rates of the device' });
    const rates = [await engine.measureDevice(settings.precisions, ROOFLINE_SECONDS, { signal })];
    const before = rooflineOf(rates);
    const began = performance.now();
    this.#emit({ type: 'roofline', roofline: before });

    const peer = await this.#findPeer();
    const result: BenchResult = {
      schema: 'ser-native/bench@1',
      version: packageVersion(),
      date: '',
      device,
      settings: {
        ...{ batch: settings.batch, steps: settings.steps, warmup: settings.warmup },
        ...{ limit: settings.limit, seed: settings.seed },
      },
      roofline: before,
      measurements: [],
      kernels: [],
      peer,
      notes: this.#notes,
    };
    await this.#measureEncoders(settings, result);
    if (settings.kernels) result.kernels = await this.#measureKernels(settings);
    if (performance.now() - began > STEADY_MS) {
      this.#emit({ type: 'phase', what: 'rates of the device once more' });
      rates.push(await engine.measureDevice(settings.precisions, ROOFLINE_SECONDS, { signal }));
      result.roofline = rooflineOf(rates);
    }
    setShares(result);
    result.date = new Date().toISOString();
    return result;
  }

  #emit(event: BenchEvent): void {
    this.#options.onEvent?.(event);
  }

  #note(note: string): void {
    this.#notes.push(note);
    this.#emit({ type: 'warning', message: note });
  }

  async #findPeer(): Promise<PeerResult | null> {
    const { compare, python, signal } = this.#options;
    if (!compare) return null;
    const found = await findPython(pythonProgram(python), undefined, signal);
    if ('missing' in found) {
      this.#note(
        `no comparison with transformers: ${found.missing}; name a Python that has torch, transformers, safetensors and numpy with --python`,
      );
      return null;
    }
    this.#python = found.program;
    return { versions: found.versions, outputs: [], comparisons: [] };
  }

  async #measureEncoders(settings: BenchSettings, result: BenchResult): Promise<void> {
    if (settings.encoders.length === 0) return;
    const { offline, signal } = this.#options;
    const noise = join(this.#folder, 'noise.s16');
    await writeNoise(noise, settings.seed);
    await using store = await this.#engine.openStore(noise, NOISE_SAMPLES);
    for (const name of settings.encoders) {
      this.#emit({ type: 'phase', what: `weights of ${name}` });
      const encoder = await benchEncoder(name, {
        ...{ folder: this.#folder, seed: settings.seed, offline, signal },
      });
      if (encoder.random && encoder.source) this.#notes.push(`${name}: random weights of the released shape`);
      for (const task of settings.tasks) {
        if (encoder.source === undefined && (task === 'train-frozen' || task === 'train-all')) {
          this.#note(`mel has no ${task}: it has no weights to keep frozen, and train trains all of it`);
          continue;
        }
        for (const precision of settings.precisions) {
          const batches = settings.lengths.flatMap((lengths) => batchesOf(lengths, settings));
          const context = { encoder, task, precision, batches, store, noise, roofline: result.roofline };
          if (result.peer && encoder.source) await this.#compare(context, settings, result, result.peer);
          else await this.#alone(context, settings, result);
        }
      }
    }
  }

  async #alone(context: Context, settings: BenchSettings, result: BenchResult): Promise<void> {
    const { encoder, task, precision, store, roofline } = context;
    const { offline, signal } = this.#options;
    for (const batches of context.batches) {
      const clips = [...batches.warmups, ...batches.counted].flat();
      const { seed, recipe, limit } = settings;
      await using workload = await Workload.open(this.#engine, store, {
        ...{ encoder, task, precision, recipe, clips, seed, offline, signal },
      });
      const what = `${encoder.name} ${task} ${precision}, ${batches.lengths} ${batches.batching}`;
      const measured = await measureAlone(
        this.#engine,
        workload,
        { ...batches, limit },
        { precision, roofline },
        { signal, onStep: (done, total) => this.#emit({ type: 'step', what, done, total }) },
      );
      const counted = batches.counted.slice(0, measured.stepSeconds.length);
      const flops = sum(counted.map((each) => workload.flops(each)));
      this.#record(result, context, settings, batches, workload, measured, flops);
    }
  }

  async #compare(
    context: Context,
    settings: BenchSettings,
    result: BenchResult,
    peer: PeerResult,
  ): Promise<void> {
    const { offline, signal } = this.#options;
    const compared = await compareWithTransformers({
      ...context,
      engine: this.#engine,
      folder: this.#folder,
      python: this.#python,
      ...{ compile: settings.compile, limit: settings.limit, seed: settings.seed, offline, signal },
      onStep: (what, done, total) => this.#emit({ type: 'step', what, done, total }),
      onNote: (note) => this.#note(note),
    });
    peer.outputs.push(
      ...compared.outputs.filter(
        (check) =>
          !peer.outputs.some(
            (known) =>
              known.encoder === check.encoder &&
              known.precision === check.precision &&
              known.variant === check.variant,
          ),
      ),
    );
    peer.comparisons.push(...compared.comparisons);
    for (const { workload, batches, throughput, flops } of compared.own)
      this.#record(result, context, settings, batches, workload, throughput, flops);
  }

  #record(
    result: BenchResult,
    { encoder, task, precision }: Context,
    settings: BenchSettings,
    { lengths, batching, counted }: ComparedBatches,
    workload: { parameters: number },
    measured: Throughput,
    flops: number,
  ): void {
    const done = counted.slice(0, measured.stepSeconds.length);
    const samples = sum(done.flat().map(({ length }) => length));
    const measurement = {
      ...{ encoder: encoder.name, task, precision, recipe: settings.recipe, lengths, batching },
      batch: done.flat().length / done.length,
      parameters: workload.parameters,
      gflopPerAudioSecond: gflopPerAudioSecond(flops, samples),
      ...measured,
    };
    result.measurements.push(measurement);
    if (done.length < settings.steps && done.length < counted.length) {
      this.#notes.push(
        `${encoder.name} ${task} ${precision}, ${lengths} ${batching}: ${done.length} steps counted, the time for more was up`,
      );
    }
    this.#emit({ type: 'measured', measurement });
  }

  async #measureKernels(settings: BenchSettings) {
    const clips = drawClips({ law: 'iemocap' }, Math.max(3, settings.batch), settings.seed);
    return timeKernels(this.#engine, {
      lengths: clips.map(({ length }) => length),
      precisions: settings.precisions,
      repeats: settings.steps,
      signal: this.#options.signal,
      onOp: (what, done, total) => this.#emit({ type: 'step', what: `operation ${what}`, done, total }),
      onFailure: (name, error) => this.#note(`operation ${name} was not timed: ${error.message}`),
    });
  }
}

interface Context {
  encoder: BenchEncoder;
  task: BenchTask;
  precision: BenchPrecision;
  batches: readonly ComparedBatches[];
  store: Awaited<ReturnType<SerEngine['openStore']>>;
  noise: string;
  roofline: Roofline;
}

/** The same clips for all encoders, tasks and precisions; the warm-ups are clips of their own. */
function batchesOf(lengths: ClipLengths, settings: BenchSettings): ComparedBatches[] {
  const { batch, warmup, steps, seed } = settings;
  const clips: Clip[] = drawClips(lengths, (warmup + steps) * batch, seed);
  const ways = 'law' in lengths ? settings.batching : (['fixed'] as const);
  return ways.map((batching) => ({
    lengths: describeLengths(lengths),
    batching,
    warmups: makeBatches(clips.slice(0, warmup * batch), batch, 'drawn', seed),
    counted: makeBatches(clips.slice(warmup * batch), batch, batching, seed),
  }));
}

/** Shares of the peak as it is known at the end of the run. */
function setShares({ roofline, measurements, peer }: BenchResult): void {
  const share = (precision: BenchPrecision, row: Throughput) => {
    const peak = roofline.gemm[precision]?.flops;
    row.shareOfPeak = peak === undefined ? null : (row.tflops * 1e12) / peak;
  };
  for (const measurement of measurements) share(measurement.precision, measurement);
  for (const { precision, rows } of peer?.comparisons ?? []) for (const row of rows) share(precision, row);
}
