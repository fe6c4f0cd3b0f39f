import { copyFile, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeWav, tone } from '../audio/wav-encoder.js';
import { run, start } from './command.js';

/** Small checkpoints of random weights, as transformers writes them. */
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));
const FEW = ['--epochs=2', '--folds=1', '--set=batch.size=32'];

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-encoder-'));
  await writeFile(join(cwd, 'tone.wav'), encodeWav(tone(16_000, 220)));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const text = (path: string) => readFile(join(cwd, path), 'utf8');

async function copyOf(name: string, into: string): Promise<string> {
  const folder = join(cwd, into);
  await mkdir(folder);
  for (const file of ['config.json', 'preprocessor_config.json', 'model.safetensors'])
    await copyFile(join(fixture(name), file), join(folder, file));
  return folder;
}

describe('train --encoder', () => {
  it.each([
    ['whisper-tiny', 'fp32'],
    ['wavlm-base-like', 'fp32'],
    ['wavlm-large-like', 'bf16'],
    ['hubert-large-like', 'fp32'],
  ])('fine-tunes %s in %s, and predicts with the result', async (name, precision) => {
    const out = `${name}-${precision}`;
    const { code, stderr } = await run(
      ['train', '--encoder', fixture(name), ...FEW, `--set=precision=${precision}`, '--out', out],
      { cwd },
    );
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stderr).toMatch(/encoder .*layers of width/);
    const predicted = await run(['predict', out, 'tone.wav', '--json'], { cwd });
    expect({ code: predicted.code, stderr: predicted.stderr }).toMatchObject({ code: 0 });
    const { probabilities } = JSON.parse(predicted.stdout.trim().split('\n')[0]!);
    expect(Object.values(probabilities as Record<string, number>).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  });

  it('goes on after an interruption to the same end, byte for byte', async () => {
    const settings = ['--encoder', fixture('wavlm-base-like'), ...FEW, '--set=precision=fp32'];
    const running = start(['train', ...settings, '--out', 'stopped', '--json'], { cwd });
    await running.printed(/"type":"step"/);
    running.child.kill('SIGINT');
    expect((await running.finished).code).toBe(130);
    const resumed = await run(['train', '--resume', 'stopped'], { cwd });
    expect({ code: resumed.code, stderr: resumed.code === 0 ? '' : resumed.stderr }).toEqual({
      code: 0,
      stderr: '',
    });
    expect(await text('stopped/metrics.jsonl')).toBe(await text('wavlm-base-like-fp32/metrics.jsonl'));
  });

  it('leaves a frozen encoder out of its checkpoints and finds it again to predict', async () => {
    const encoder = await copyOf('wavlm-base-like', 'frozen-encoder');
    const trained = await run(
      ['train', '--encoder', encoder, '--set=encoder.trainable=none', ...FEW, '--out', 'frozen'],
      { cwd },
    );
    expect({ code: trained.code, stderr: trained.code === 0 ? '' : trained.stderr }).toEqual({
      code: 0,
      stderr: '',
    });
    const bytes = async (path: string) => (await stat(join(cwd, path))).size;
    expect(await bytes('frozen/fold-1/best.safetensors')).toBeLessThan(
      await bytes('wavlm-base-like-fp32/fold-1/best.safetensors'),
    );
    expect((await run(['predict', 'frozen', 'tone.wav'], { cwd })).code).toBe(0);
    await rm(encoder, { recursive: true });
    const gone = await run(['predict', 'frozen', 'tone.wav'], { cwd });
    expect(gone.code).toBe(3);
    expect(gone.stderr).toMatch(/frozen-encoder/);
  });

  it('computes the frames of a frozen encoder once where nothing changes what it hears, and says so', async () => {
    const settings = [
      '--encoder',
      fixture('wavlm-base-like'),
      '--set=encoder.trainable=none',
      '--mix=none',
      '--set=augment.speed=none',
      ...FEW,
    ];
    const first = await run(['train', ...settings, '--out', 'features-1'], { cwd });
    expect({ code: first.code, stderr: first.code === 0 ? '' : first.stderr }).toEqual({
      code: 0,
      stderr: '',
    });
    expect(first.stderr).toMatch(/features .*are kept in/);
    const second = await run(['train', ...settings, '--out', 'features-2'], { cwd });
    expect(second.code).toBe(0);
    expect(await text('features-2/predictions.jsonl')).toBe(await text('features-1/predictions.jsonl'));
    // A gain of 0 dB changes nothing but forbids the short cut: the same model must come out of the long way.
    const long = await run(['train', ...settings, '--set=augment.gain=[0,0]', '--out', 'features-0'], {
      cwd,
    });
    expect(long.stderr).toMatch(/gain.* changes what the encoder hears/);
    const probabilities = async (out: string) =>
      (await text(`${out}/predictions.jsonl`))
        .trim()
        .split('\n')
        .map((line) => Object.values(JSON.parse(line).probabilities as Record<string, number>));
    const [short, full] = [await probabilities('features-1'), await probabilities('features-0')];
    expect(short.length).toBe(full.length);
    for (const [index, value] of short.flat().entries()) expect(value).toBeCloseTo(full.flat()[index]!, 3);
    const mixed = await run(
      [
        'train',
        '--encoder',
        fixture('wavlm-base-like'),
        '--set=encoder.trainable=none',
        ...FEW,
        '--out',
        'mixed',
      ],
      { cwd },
    );
    expect(mixed.stderr).toMatch(/mix eam changes what the encoder hears/);
  });

  it.each([
    ['adapters', ['--set=encoder.trainable=none', '--set=encoder.lora.rank=4']],
    ['the last layer', ['--set=encoder.trainable=1', '--set=encoder.layerDecay=0.8']],
    [
      'a learned sum of layers, in parts, with layers recomputed',
      [
        '--set=encoder.hiddenStates=sum',
        '--set=batch.accumulate=4',
        '--set=encoder.checkpointActivations=true',
      ],
    ],
  ])('trains %s', async (what, settings) => {
    const out = what.replace(/\W+/g, '-');
    const encoder = fixture('wavlm-large-like');
    const { code, stderr } = await run(['train', '--encoder', encoder, ...settings, ...FEW, '--out', out], {
      cwd,
    });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect((await run(['predict', out, 'tone.wav'], { cwd })).code).toBe(0);
  });

  it('refuses a checkpoint that was cut off, and one that is not there', async () => {
    const encoder = await copyOf('wavlm-base-like', 'cut-encoder');
    await truncate(join(encoder, 'model.safetensors'), 4000);
    const cut = await run(['train', '--encoder', encoder, ...FEW, '--out', 'cut'], { cwd });
    expect(cut.code).toBe(3);
    expect(cut.stderr).toMatch(/model\.safetensors/);
    const missing = await run(['train', '--encoder', './nowhere', ...FEW, '--out', 'missing'], { cwd });
    expect(missing.code).toBe(3);
    expect(missing.stderr).toMatch(/nowhere does not exist/);
  });
});
