import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** A run may be resumed from another working directory: folders are kept as absolute paths. */
export function withAbsolutePaths(config: Record<string, unknown>): Record<string, unknown> {
  const result = { ...config };
  if (typeof config.data === 'string') result.data = resolve(config.data);
  if (typeof config.plan === 'string') result.plan = resolve(config.plan);
  const encoder = config.encoder as { source?: unknown } | undefined;
  if (typeof encoder?.source === 'string' && existsSync(encoder.source))
    result.encoder = { ...encoder, source: resolve(encoder.source) };
  return result;
}
