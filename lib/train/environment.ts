/** What a run was made with: versions and machine, for run.json and the report. */
import { arch, availableParallelism, cpus, platform, release } from 'node:os';
import type { SerEngine } from '../native/engine.js';
import { packageVersion } from '../runtime/version.js';

export function runEnvironment(engine: SerEngine): Record<string, string> {
  const { build, options } = engine;
  return {
    'ser-native': packageVersion(),
    node: process.versions.node,
    libtorch: build.libtorch,
    device: options.device,
    ...(engine.gpu === undefined ? {} : { gpu: engine.gpu }),
    capability: build.capability,
    compiler: build.compiler,
    processor: cpus()[0]?.model.trim() || 'unknown',
    cores: String(availableParallelism()),
    threads: String(options.threads),
    system: `${platform()} ${release()} ${arch()}`,
  };
}
