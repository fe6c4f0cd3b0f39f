/** Options of a benchmark with their defaults, checked. */
import { UsageError } from '../errors.js';
import type { ClipLengths } from './clips.js';
import {
  BATCHINGS,
  type Batching,
  BENCH_TASKS,
  type BenchOptions,
  type BenchPrecision,
  type BenchTask,
  RECIPES,
  type Recipe,
} from './types.js';

export interface BenchSettings {
  encoders: readonly string[];
  tasks: readonly BenchTask[];
  precisions: readonly BenchPrecision[];
  lengths: readonly ClipLengths[];
  batching: readonly Batching[];
  batch: number;
  steps: number;
  warmup: number;
  limit: number;
  recipe: Recipe;
  seed: number;
  kernels: boolean;
  compile: boolean;
}

/** Clips of more samples than this would not fit the noise that they are cut from; of fewer, no encoder gives a frame. */
const MOST_SECONDS = 60;
const LEAST_SECONDS = 0.025;

/** @throws UsageError `E_BENCH` */
export function benchSettings(
  options: BenchOptions,
  machine: { device: 'cpu' | 'cuda'; precisions: readonly BenchPrecision[] },
): BenchSettings {
  const comparing = options.compare !== undefined;
  if (comparing && options.compare !== 'transformers')
    throw wrong('compare', 'transformers', String(options.compare));
  const recipe = among('recipe', RECIPES, [options.recipe ?? 'plain'])[0]!;
  if (comparing && recipe !== 'plain') {
    throw new UsageError('transformers is compared in the plain recipe: it has neither EAM nor FLAM', {
      code: 'E_BENCH',
      cure: 'Leave --recipe or --compare out.',
    });
  }
  const lengths: ClipLengths[] = (options.seconds ?? (options.lengths ? [] : [5])).map((seconds) => {
    if (!(seconds >= LEAST_SECONDS && seconds <= MOST_SECONDS))
      throw wrong('seconds', `from ${LEAST_SECONDS} to ${MOST_SECONDS}`, String(seconds));
    return { seconds };
  });
  if (options.lengths) lengths.push({ law: among('lengths', ['iemocap'] as const, [options.lengths])[0]! });
  const limit = options.limit ?? 60;
  if (!(limit > 0)) throw wrong('limit', 'a number of seconds above 0', String(limit));
  return {
    encoders: options.encoders ?? ['mel', 'wavlm-base'],
    tasks: among('task', BENCH_TASKS, options.tasks ?? ['inference', 'train']),
    precisions: among('precision', ['fp32', 'bf16'] as const, options.precisions ?? machine.precisions),
    lengths,
    batching: among(
      'batching',
      BATCHINGS,
      options.batching ?? (comparing ? ['drawn', 'grouped'] : ['drawn', 'packed']),
    ),
    batch: whole('batch', options.batch ?? (machine.device === 'cpu' ? 8 : 32), 1),
    steps: whole('steps', options.steps ?? 20, 1),
    warmup: whole('warmup', options.warmup ?? 2, 0),
    limit,
    recipe,
    seed: whole('seed', options.seed ?? 1, 0),
    kernels: options.kernels ?? true,
    compile: options.compile ?? false,
  };
}

function among<T extends string>(name: string, known: readonly T[], asked: readonly string[]): readonly T[] {
  const unknown = asked.find((each) => !(known as readonly string[]).includes(each));
  if (unknown !== undefined) throw wrong(name, `of ${known.join(', ')}`, unknown);
  if (asked.length === 0) throw wrong(name, `of ${known.join(', ')}`, 'nothing');
  return asked as readonly T[];
}

function whole(name: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least || value > 1e6)
    throw wrong(name, `a whole number from ${least} to 1000000`, String(value));
  return value;
}

const wrong = (name: string, expected: string, found: string) =>
  new UsageError(`${name} must be ${expected}, found ${found}`, {
    code: 'E_BENCH',
    cure: 'ser-native bench --help lists what there is.',
  });
