import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EncoderConfig, MelEncoderConfig } from '../../bindings.js';
import { forwardFlops, taskFlops } from '../../lib/bench/flops.js';
import { SHAPES } from '../../lib/bench/shapes.js';
import { readEncoderConfig } from '../../lib/encoder/hf-config.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-flops-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function config(name: string, window30 = false): Promise<EncoderConfig> {
  await writeFile(join(folder, 'config.json'), JSON.stringify(SHAPES[name]!.config));
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(SHAPES[name]!.preprocessor));
  return readEncoderConfig(folder, { window30 });
}

const perSecond = (flops: number, seconds: number) => flops / 1e9 / seconds;

describe('operations of an encoder', () => {
  // GFLOP per second of audio as PyTorch's FlopCounterMode gives them on transformers' model.
  it.each([
    [3, 36.7],
    [5, 37.1],
    [10, 38.4],
    [15, 39.6],
    [30, 43.3],
  ])('are what a counter finds for WavLM Large over %d s', async (seconds, expected) => {
    const { total } = forwardFlops(await config('wavlm-large'), seconds * 16_000);
    expect(Math.abs(perSecond(total, seconds) / expected - 1)).toBeLessThan(0.006);
  });

  it('fall into convolutions and the rest as a counter finds', async () => {
    const large = forwardFlops(await config('wavlm-large'), 80_000);
    expect(large.frames).toBe(249);
    expect(perSecond(large.extractor, 5)).toBeCloseTo(4.91, 2);
    const base = forwardFlops(await config('wavlm-base'), 80_000);
    expect(perSecond(base.total, 5)).toBeCloseTo(14.3, 1);
    expect(base.extractor / base.total).toBeCloseTo(0.34, 2);
  });

  it('of training are three times those of what is trained, and once those of what is frozen', async () => {
    const large = await config('wavlm-large');
    const of = (task: Parameters<typeof taskFlops>[0], seconds = 5) =>
      perSecond(taskFlops(task, large, seconds * 16_000, 'mean'), seconds);
    expect(Math.abs(of('train') / 101.6 - 1)).toBeLessThan(0.002);
    expect(Math.abs(of('train', 10) / 105.3 - 1)).toBeLessThan(0.002);
    expect(of('train-all')).toBeCloseTo(111.3, 1);
    expect(of('train-frozen')).toBeCloseTo(of('inference'), 6);
  });

  it('of Whisper follow the clip, or the window', async () => {
    const own = forwardFlops(await config('whisper-tiny'), 160_000);
    expect(own.frames).toBe(500);
    const whole = forwardFlops(await config('whisper-tiny', true), 160_000);
    expect(whole.frames).toBe(1500);
    expect(whole.total).toBe(forwardFlops(await config('whisper-tiny'), 480_000).total);
    // Longer audio is computed in windows, whose attention does not see each other.
    expect(forwardFlops(await config('whisper-tiny'), 960_000).total).toBe(2 * whole.total);
  });

  it('of the mel encoder are those of its layers', () => {
    const mel: MelEncoderConfig = {
      kind: 'mel',
      bands: 8,
      convChannels: 2,
      convLayers: 1,
      width: 4,
      layers: 1,
      heads: 1,
      feedForward: 8,
      block: 'transformer',
      convKernel: 3,
      dropout: 0,
    };
    // 3 spectra, 2 frames of 4 bands after the convolution.
    const { frames, total } = forwardFlops(mel, 400 + 2 * 160);
    expect(frames).toBe(2);
    const convolution = 2 * 2 * 4 * 2 * 9;
    const projection = 2 * 2 * (2 * 4) * 4;
    const position = 2 * 2 * 4 * 15;
    const block = 2 * 2 * (4 * 16 + 2 * 32) + 4 * 2 * 2 * 4;
    expect(total).toBe(convolution + projection + position + block);
    const conformer = forwardFlops({ ...mel, block: 'conformer' }, 400 + 2 * 160);
    expect(conformer.total - total).toBe(2 * 2 * (4 * 3 + 16));
    expect(taskFlops('train', mel, 720, 'flam')).toBeGreaterThan(taskFlops('train', mel, 720, 'mean'));
  });
});
