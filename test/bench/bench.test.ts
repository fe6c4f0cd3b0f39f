import { fileURLToPath } from 'node:url';
import { type BenchEvent, type BenchResult, bench, renderBenchText } from '../../lib/bench/index.js';
import { InterruptedError, UsageError } from '../../lib/errors.js';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));
const QUICK = {
  ...{ batch: 3, steps: 2, warmup: 1, kernels: false, device: 'cpu' as const, threads: 1 },
  precisions: ['fp32' as const],
};

describe('bench', () => {
  let result: BenchResult;
  const events: BenchEvent[] = [];
  beforeAll(async () => {
    result = await bench({
      ...QUICK,
      encoders: [fixture('wavlm-base-like'), fixture('whisper-tiny'), 'mel'],
      tasks: ['inference', 'train', 'train-frozen'],
      seconds: [1, 1.5],
      onEvent: (event) => events.push(event),
    });
  });

  it('measures every encoder, task and length', () => {
    const cases = result.measurements.map(
      ({ encoder, task, lengths }) => `${encoder.split('/').at(-1)} ${task} ${lengths}`,
    );
    expect(cases).toHaveLength(16);
    expect(cases).toContain('whisper-tiny train-frozen 1.5 s');
    expect(cases).toContain('mel train 1 s');
    expect(result.notes.join()).toMatch(/mel has no train-frozen/);
    expect(events.filter(({ type }) => type === 'measured')).toHaveLength(16);
  });

  it('gives figures that agree with each other', () => {
    for (const row of result.measurements) {
      expect(row.stepSeconds).toHaveLength(2);
      const seconds = row.stepSeconds.reduce((a, b) => a + b);
      expect(row.audioSeconds).toBeCloseTo(2 * 3 * Number.parseFloat(row.lengths), 6);
      expect(row.audioSecondsPerSecond).toBeCloseTo(row.audioSeconds / seconds, 6);
      expect(row.tflops).toBeCloseTo((row.gflopPerAudioSecond * row.audioSecondsPerSecond) / 1000, 9);
      expect(row.shareOfPeak).toBeCloseTo((row.tflops * 1e12) / result.roofline.gemm.fp32!.flops, 9);
      expect(row.shareOfPeak!).toBeLessThan(1.05);
      if (process.platform === 'linux') expect(row.peakBytes!).toBeGreaterThan(1e7);
    }
    expect(result.roofline.copyBytesPerSecond).toBeGreaterThan(1e8);
  });

  it('is JSON with machine, versions and settings, and a table', () => {
    const { schema, device, settings } = JSON.parse(JSON.stringify(result)) as BenchResult;
    expect(schema).toBe('ser-native/bench@1');
    expect(device).toMatchObject({ kind: 'cpu', threads: 1, node: process.versions.node });
    expect(settings).toMatchObject({ batch: 3, steps: 2, warmup: 1 });
    const lines = renderBenchText(result).split('\n');
    expect(lines[0]).toMatch(/^device .*LibTorch \d/);
    expect(lines[1]).toMatch(/^peak .*GB\/s, products fp32 .*TFLOP\/s/);
    expect(lines.find((line) => line.startsWith('encoder'))).toMatch(
      /audio-s\/s +ms a step .*of peak +peak memory/,
    );
  });

  it('trains in the method as well, and counts what FLAM adds', async () => {
    const options = { ...QUICK, encoders: ['mel'], tasks: ['train' as const], lengths: 'iemocap' as const };
    const [drawn, packed] = (await bench({ ...options, recipe: 'method', steps: 3 })).measurements;
    expect([drawn!.batching, packed!.batching]).toEqual(['drawn', 'packed']);
    const [plain] = (await bench({ ...options, steps: 3 })).measurements;
    expect(drawn!.gflopPerAudioSecond).toBeGreaterThan(plain!.gflopPerAudioSecond);
  });

  it('ends early where time is up, with three steps', async () => {
    const { measurements, notes } = await bench({
      ...QUICK,
      encoders: ['mel'],
      tasks: ['inference'],
      steps: 50,
      limit: 1e-6,
    });
    expect(measurements[0]!.stepSeconds.length).toBe(3);
    expect(notes.join()).toMatch(/3 steps counted/);
  });

  it('times operations alone', async () => {
    const { kernels, measurements } = await bench({ ...QUICK, encoders: [], kernels: true });
    expect(measurements).toEqual([]);
    const loss = kernels.find(({ name }) => name === 'multi-loss')!;
    expect(loss.difference!).toBeLessThan(1e-4);
    expect(loss.forward.speedUp).toBeGreaterThan(0);
    expect(loss.backward!.own.median).toBeGreaterThan(0);
    expect(kernels.find(({ name }) => name === 'log-mel')!.backward).toBeNull();
    expect(kernels.length).toBeGreaterThan(8);
  });

  it.each([
    [{ encoders: ['wavlm-huge'] }, /no encoder is called "wavlm-huge"/],
    [{ seconds: [0.01] }, /seconds must be from 0.025/],
    [{ batch: 0 }, /batch must be a whole number/],
    [{ tasks: ['dance' as never] }, /task must be of inference/],
  ])('refuses %o', async (options, message) => {
    const failure = bench({ ...QUICK, ...options });
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow(message);
  });

  it('stops when it is aborted', async () => {
    const controller = new AbortController();
    const running = bench({
      ...QUICK,
      encoders: ['mel'],
      steps: 5000,
      signal: controller.signal,
      onEvent: (event) => event.type === 'step' && controller.abort(),
    });
    await expect(running).rejects.toThrow(InterruptedError);
  });
});
