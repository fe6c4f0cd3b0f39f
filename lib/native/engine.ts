/** Opens the engine: finds and loads the addon, starts its thread. */
import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import { loadAddon } from '../runtime/load.js';
import { type SerEngine, startEngine } from './ser-engine.js';

export type { CallOptions } from './calls.js';
export {
  NativeEncoder,
  NativeFeatures,
  NativeModel,
  NativeStore,
  NativeTrainer,
  type RowSource,
} from './handles.js';
export { SerEngine } from './ser-engine.js';

export interface EngineOptions {
  /**
   * Threads that one operation may use. Default: the environment variable `SER_THREADS`, else the cores that this process
   * may use. Process-wide in LibTorch: the first engine of the process decides.
   */
  threads?: number;
  /**
   * `auto` (default) is a GPU where the CUDA variant is set up and finds one that it can use, else the CPU. The first engine of
   * a process decides which variant is loaded; one with CUDA serves `cpu` as well.
   */
  device?: 'auto' | 'cpu' | 'cuda';
  /** Refuse operations that are not bit-reproducible. Default true. */
  deterministic?: boolean;
}

/**
 * Loads the addon (setting it up first where it is missing) and starts the engine of this thread; a second engine in the same
 * thread shares it. Worker threads have an engine each.
 *
 * @throws UsageError for a wrong option; RuntimeError where LibTorch or the addon cannot be had or loaded
 */
export async function openEngine(options: EngineOptions = {}): Promise<SerEngine> {
  // OpenMP's threads spin while they wait, by default for so long that a step on busy cores takes many times as long (6.8 s
  // against 0.2 s seen); asleep at once they lose the gain of a second thread. A short spin has the best of both: see
  // docs/performance.md. Read by libgomp once, when LibTorch is loaded.
  if (process.env.OMP_WAIT_POLICY === undefined) process.env.GOMP_SPINCOUNT ??= '20000';
  const defaultThreads = threadsFromEnvironment() ?? availableParallelism();
  // Read by cuBLAS once; without it, its sums depend on what else ran, and the deterministic mode refuses to call it.
  process.env.CUBLAS_WORKSPACE_CONFIG ??= ':4096:8';
  // The profiler tells stderr of GPUs that it did not find, on machines that have none; its failures reach us as a reason.
  process.env.KINETO_LOG_LEVEL ??= '5';
  const { device = 'auto', threads, deterministic } = options;
  const loaded = await loadAddon({ device });
  return startEngine(
    loaded.addon,
    { threads, deterministic, device: device === 'auto' ? undefined : loaded.device },
    { threads: defaultThreads, device: loaded.device, deterministic: true },
  );
}

function threadsFromEnvironment(): number | undefined {
  const text = process.env.SER_THREADS;
  if (text === undefined || text === '') return undefined;
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
    throw new UsageError(`SER_THREADS must be an integer in 1..1024, found '${text}'`, {
      code: 'E_THREADS',
      cure: 'Set it to the number of threads that one operation may use, or unset it.',
    });
  }
  return threads;
}
