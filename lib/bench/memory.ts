/** Most memory in use over a span: what the allocator handed out on CUDA, what was resident in the process elsewhere. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { SerEngine } from '../native/engine.js';

/** Bytes; null where the system does not tell. Linux only. */
function peakResident(): number | null {
  try {
    const kilobytes = /^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'ascii'))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}

/** Lets the peak begin anew. */
export async function resetPeak(engine: SerEngine): Promise<void> {
  if (engine.options.device === 'cuda') {
    await engine.memoryUse(true);
    return;
  }
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux: there is no peak to tell either.
  }
}

export async function peakBytes(engine: SerEngine): Promise<number | null> {
  return engine.options.device === 'cuda' ? (await engine.memoryUse(false)).peak : peakResident();
}
