/** Benchmarks of the engine on the device at hand. */
export { bench } from './bench.js';
export { renderBenchText } from './text.js';
export {
  BATCHINGS,
  BENCH_TASKS,
  type BenchEvent,
  type BenchOptions,
  type BenchResult,
  RECIPES,
} from './types.js';
