/**
 * Inference by ser-native as a process of the line protocol (see protocol.mjs).
 *   node bench/peers/ser-native-infer.mjs CHECKPOINT AUDIO fp32|bf16 unpadded|window30 THREADS
 * AUDIO holds float32 samples at 16 kHz.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { loadEncoder } from '../../dist/encoder/load-encoder.js';
import { openEngine } from '../../dist/native/engine.js';
import { memory, serve } from './protocol.mjs';

const [directory, audio, dtype, mode, threads] = process.argv.slice(2);

await serve(async () => {
  const bytes = await readFile(audio);
  const wave = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  // LibTorch is loaded by now, so that what follows is the checkpoint's own cost.
  const engine = await openEngine({ threads: Number(threads) });
  const beforeLoad = memory();
  const started = performance.now();
  const encoder = await loadEncoder(directory, {
    dtype,
    threads: Number(threads),
    ...(mode === 'window30' ? { mode } : {}),
  });
  const loadSeconds = (performance.now() - started) / 1000;

  return {
    facts: {
      libtorch: engine.build.libtorch,
      capability: engine.build.capability,
      compiler: engine.build.compiler,
      threads: engine.options.threads,
      dtype: encoder.dtype,
      loadSeconds,
      beforeLoad,
    },
    handlers: {
      /** Forward passes for about so many seconds, one at least. */
      async run({ seconds = 0 }) {
        const passes = [];
        let spent = 0;
        do {
          const begun = performance.now();
          await encoder.forward([wave]);
          passes.push((performance.now() - begun) / 1000);
          spent += passes.at(-1);
        } while (spent < seconds);
        return { seconds: passes };
      },
      async output({ path }) {
        const [{ frames, width, last }] = await encoder.forward([wave]);
        await writeFile(path, new Uint8Array(last.buffer, last.byteOffset, last.byteLength));
        return { shape: [frames, width] };
      },
      memory,
    },
    async end() {
      await encoder.dispose();
      await engine.dispose();
    },
  };
});
