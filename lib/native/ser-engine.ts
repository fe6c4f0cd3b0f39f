/** The typed face of the addon. */
import type {
  Addon,
  BuildInfo,
  DeviceRates,
  FrameAttentionRequest,
  FrameAttentionResult,
  MemoryUse,
  MixSamplesRequest,
  MixSamplesResult,
  ModelConfig,
  MultiLossRequest,
  MultiLossResult,
  OpRequest,
  OpTiming,
  PretrainedEncoderConfig,
  ProfileResult,
  StartOptions,
  TrainerConfig,
} from '../../bindings.js';
import { UsageError } from '../errors.js';
import { eachFloats, float32, floats, int32, uint8 } from './arrays.js';
import { type CallOptions, Calls } from './calls.js';
import { captureCallSite, toSerError } from './failure.js';
import { NativeEncoder, NativeFeatures, NativeModel, NativeStore, NativeTrainer } from './handles.js';

/** The engine thread of this env, shared by every `SerEngine` in it. */
interface Shared {
  addon: Addon;
  options: StartOptions;
  users: number;
}
let shared: Shared | undefined;
const hooked = new WeakSet<Addon>();

/**
 * An engine: one thread, on which all that is asked of it runs in the order of the calls. Nothing keeps the process alive
 * but calls under way.
 *
 * Every promise of it rejects with a `SerError` whose `cause` is the addon's own error: `UsageError` for a wrong argument or
 * handle, `DataError` for files, `InterruptedError` when cancelled, `RuntimeError` for the rest.
 */
export class SerEngine implements AsyncDisposable {
  readonly #calls: Calls;
  readonly #shared: Shared;
  #disposed: Promise<void> | undefined;
  /** What is compiled in. */
  readonly build: BuildInfo;
  /** Name of the GPU that it computes on; undefined on the CPU. */
  readonly gpu: string | undefined;
  /** What the engine thread was started with. */
  readonly options: Readonly<StartOptions>;

  /** @internal Made by `openEngine`. */
  constructor(owner: Shared) {
    this.#shared = owner;
    this.#calls = new Calls(owner.addon);
    this.build = { ...owner.addon.buildInfo() };
    this.options = { ...owner.options };
    if (owner.options.device === 'cuda') {
      const { devices, chosen } = owner.addon.cudaDevices();
      this.gpu = devices.find((device) => device.index === chosen)?.name;
    }
    owner.users++;
  }

  /** A training step of a tiny model on noise; resolves to its loss. */
  async selfTest(options?: CallOptions): Promise<number> {
    return this.#calls.run(this.selfTest, (addon) => addon.selfTest(), options);
  }

  /** Maps a packed int16 file of `samples` samples. Rejects with a `DataError` where it is missing or shorter. */
  async openStore(path: string, samples: number, options?: CallOptions): Promise<NativeStore> {
    const handle = await this.#calls.run(this.openStore, (addon) => addon.openStore(path, samples), options);
    return new NativeStore(this.#calls, handle, samples);
  }

  /**
   * A model with weights drawn from a generator of its own, seeded with `seed`, or with those of `base`, a model of the same
   * configuration, whose frozen weights it then shares. A pretrained encoder has no weights until they are loaded.
   */
  async createModel(
    config: ModelConfig,
    seed: number,
    options: CallOptions & { base?: NativeModel } = {},
  ): Promise<NativeModel> {
    const enqueue = (addon: Addon) => addon.createModel(config, seed, options.base?.handleFor(this.#calls));
    return new NativeModel(this.#calls, await this.#calls.run(this.createModel, enqueue, options));
  }

  /** A frozen pretrained encoder by itself, from a checkpoint's files. Rejects with a `DataError` as `loadPretrained` does. */
  async createEncoder(
    config: PretrainedEncoderConfig,
    files: readonly string[],
    options?: CallOptions,
  ): Promise<NativeEncoder> {
    const enqueue = (addon: Addon) => addon.createEncoder(config, [...files]);
    return new NativeEncoder(this.#calls, await this.#calls.run(this.createEncoder, enqueue, options));
  }

  /** Maps a file of float32 frames that `NativeModel.appendFeatures` wrote. */
  async openFeatures(
    path: string,
    frames: number,
    width: number,
    options?: CallOptions,
  ): Promise<NativeFeatures> {
    const enqueue = (addon: Addon) => addon.openFeatures(path, frames, width);
    return new NativeFeatures(this.#calls, await this.#calls.run(this.openFeatures, enqueue, options));
  }

  /** A trainer around `model`, which it trains in place. */
  async createTrainer(
    model: NativeModel,
    config: TrainerConfig,
    options?: CallOptions,
  ): Promise<NativeTrainer> {
    const enqueue = (addon: Addon) => addon.createTrainer(model.handleFor(this.#calls), config);
    return new NativeTrainer(this.#calls, await this.#calls.run(this.createTrainer, enqueue, options));
  }

  /** Mixes waveforms by plan rows; `mix` of this package is the friendlier form. */
  async mixSamples(request: MixSamplesRequest, options?: CallOptions): Promise<MixSamplesResult> {
    const result = await this.#calls.run(this.mixSamples, (addon) => addon.mixSamples(request), options);
    return {
      samples: float32(result.samples),
      lengths: int32(result.lengths),
      skipped: uint8(result.skipped),
    };
  }

  /** FLAM with gradients; `frameAttention` of this package is the friendlier form. */
  async frameAttention(request: FrameAttentionRequest, options?: CallOptions): Promise<FrameAttentionResult> {
    const result = await this.#calls.run(
      this.frameAttention,
      (addon) => addon.frameAttention(request),
      options,
    );
    return {
      pooled: floats(result.pooled),
      weights: floats(result.weights),
      gradients: eachFloats(result.gradients),
    };
  }

  /** The four losses with gradients; `multiLoss` of this package is the friendlier form. */
  async multiLoss(request: MultiLossRequest, options?: CallOptions): Promise<MultiLossResult> {
    const result = await this.#calls.run(this.multiLoss, (addon) => addon.multiLoss(request), options);
    return {
      total: result.total,
      raw: { ...result.raw },
      scaled: { ...result.scaled },
      gradients: eachFloats(result.gradients),
    };
  }

  /** Rates of copies and matrix products on this engine's device, measured for about `seconds`. */
  async measureDevice(
    precisions: readonly ('fp32' | 'bf16')[],
    seconds: number,
    options?: CallOptions,
  ): Promise<DeviceRates> {
    const enqueue = (addon: Addon) => addon.measureDevice([...precisions], seconds);
    return this.#calls.run(this.measureDevice, enqueue, options);
  }

  /** Operations that `timeOp` knows. */
  async opNames(options?: CallOptions): Promise<string[]> {
    return [...(await this.#calls.run(this.opNames, (addon) => addon.opNames(), options))];
  }

  /** Times an operation of ours on this engine's device beside its plain composite. */
  async timeOp(request: OpRequest, options?: CallOptions): Promise<OpTiming> {
    return this.#calls.run(this.timeOp, (addon) => addon.timeOp(request), options);
  }

  /** What the device's allocator has handed out, bytes; zeros on the CPU. `reset` lets the peak begin anew. */
  async memoryUse(reset: boolean, options?: CallOptions): Promise<MemoryUse> {
    return { ...(await this.#calls.run(this.memoryUse, (addon) => addon.memoryUse(reset), options)) };
  }

  /** Profiles the training steps from here to `stopProfile`. */
  async startProfile(options?: CallOptions): Promise<void> {
    return this.#calls.run(this.startProfile, (addon) => addon.startProfile(), options);
  }

  /** Ends the profile and writes its trace, JSON for Chrome's trace viewer, to `path`. */
  async stopProfile(path: string, options?: CallOptions): Promise<ProfileResult> {
    const result = await this.#calls.run(this.stopProfile, (addon) => addon.stopProfile(path), options);
    return { ...result, phases: { ...result.phases } };
  }

  /** Cancels every call of this engine that is under way; each rejects with an `InterruptedError`. */
  cancel(): void {
    this.#calls.cancel();
  }

  /**
   * Cancels what is under way, frees what is left of models, stores and trainers, and ends the engine thread once no other
   * `SerEngine` of this env uses it. Idempotent.
   */
  dispose(): Promise<void> {
    this.#disposed ??= this.#end();
    return this.#disposed;
  }

  async #end(): Promise<void> {
    await this.#calls.close();
    if (--this.#shared.users > 0) return;
    this.#shared.addon.stop();
    shared = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/**
 * An engine on an addon that is loaded. What is left out of `options` is taken from the engine that runs already, else from
 * `defaults`.
 *
 * @throws UsageError where the engine of this env runs with other options than those asked for (`E_ENGINE_OPTIONS`)
 */
export function startEngine(addon: Addon, options: Partial<StartOptions>, defaults: StartOptions): SerEngine {
  if (shared) {
    for (const name of ['threads', 'device', 'deterministic'] as const) {
      if (options[name] !== undefined && options[name] !== shared.options[name]) {
        throw new UsageError(
          `the engine of this thread runs with ${name} = ${shared.options[name]}, asked for ${options[name]}`,
          { code: 'E_ENGINE_OPTIONS', cure: 'Dispose of the running engine first, or leave the option out.' },
        );
      }
    }
    return new SerEngine(shared);
  }
  const started: StartOptions = {
    threads: options.threads ?? defaults.threads,
    device: options.device ?? defaults.device,
    deterministic: options.deterministic ?? defaults.deterministic,
  };
  const site = captureCallSite(startEngine);
  try {
    addon.start(started);
  } catch (failure) {
    throw toSerError(failure, site);
  }
  if (!hooked.has(addon)) {
    hooked.add(addon);
    // process.exit() and an uncaught throw run no cleanup hooks: without this, static destructors would run under the engine.
    process.once('exit', () => addon.stop());
  }
  shared = { addon, options: started, users: 0 };
  return new SerEngine(shared);
}
