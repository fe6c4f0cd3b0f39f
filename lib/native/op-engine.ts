/** The engine that an op runs on. */
import type { CallOptions } from './calls.js';
import { openEngine, type SerEngine } from './engine.js';

export interface OpOptions extends CallOptions {
  /** Default: the engine of this thread, opened for the call where none runs. */
  engine?: SerEngine;
}

export async function withEngine<T>(options: OpOptions, call: (engine: SerEngine) => Promise<T>): Promise<T> {
  if (options.engine) return call(options.engine);
  const engine = await openEngine();
  try {
    return await call(engine);
  } finally {
    await engine.dispose();
  }
}
