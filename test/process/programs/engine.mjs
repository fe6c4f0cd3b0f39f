/** What the programs share: an engine on the addon under test, and ways to keep it busy. */
import { createRequire } from 'node:module';

/** The addon that `SER_ADDON` names, else the one that set-up built. */
export async function loadRaw() {
  if (process.env.SER_ADDON) return createRequire(import.meta.url)(process.env.SER_ADDON);
  const { loadAddon } = await import('../../../dist/runtime/load.js');
  return (await loadAddon({ device: 'cpu' })).addon;
}

/** With two threads OpenMP's pool is there to be ended as well; where engines compete for cores it makes them slow. */
export async function open(threads = 1) {
  const { startEngine } = await import('../../../dist/native/ser-engine.js');
  const options = { threads, device: 'cpu', deterministic: true };
  return startEngine(await loadRaw(), options, options);
}

/**
 * Fills the queue: training steps on noise, and attention over utterances of many frames, which have no safe point for a
 * while. Resolves once the engine is in the middle of it; nobody waits for the results.
 */
export async function makeBusy(engine) {
  await engine.selfTest();
  const width = 64;
  const frames = 1500;
  for (let round = 0; round < 200; round++) {
    const calls = [
      engine.frameAttention({
        frames: new Float32Array(frames * width).fill(0.01),
        lengths: Int32Array.of(frames),
        width,
        heads: 8,
        inputWeight: new Float32Array(3 * width * width).fill(0.01),
        inputBias: new Float32Array(3 * width),
        outputWeight: new Float32Array(width * width).fill(0.01),
        outputBias: new Float32Array(width),
        score: new Float32Array(width),
      }),
      engine.selfTest(),
    ];
    for (const call of calls) call.catch(() => {});
  }
  await new Promise((resolve) => setTimeout(resolve, 30));
}
