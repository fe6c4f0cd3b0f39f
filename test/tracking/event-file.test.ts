import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32c, maskedCrc32c } from '../../lib/tracking/crc32c.js';
import { fileHeader, scalarRecord } from '../../lib/tracking/event-file.js';
import { EpochLog } from '../../lib/train/epoch-log.js';
import { epochLine } from '../report/tiny-run.js';
import { type DecodedEvent, decodeEvents } from './decode-events.js';

const ascii = (text: string) => Buffer.from(text, 'ascii');

describe('crc32c', () => {
  // RFC 3720, B.4, and the check value of the catalogue of CRC algorithms.
  it.each([
    ['zeros', Buffer.alloc(32), 0x8a9136aa],
    ['ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['ascending', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ['descending', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
    ['the digits', ascii('123456789'), 0xe3069283],
    ['nothing', Buffer.alloc(0), 0],
  ])('is that of the standard for %s', (_what, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('is masked as TFRecord files want it', () => {
    // The first 12 bytes of every event file that TensorFlow writes: a record of 24 bytes.
    const head = Buffer.from('1800000000000000a37f4b22', 'hex');
    expect(maskedCrc32c(head.subarray(0, 8))).toBe(head.readUInt32LE(8));
  });
});

describe('event files', () => {
  it('hold what was put into them', () => {
    const file = Buffer.concat([
      fileHeader(1.5),
      scalarRecord({
        wallTime: 1_800_000_000.25,
        step: 300,
        scalars: [
          ['validation/UA', 0.5],
          ['train/loss', -1e-3],
        ],
      }),
    ]);
    const [head, event, ...rest] = decodeEvents(file);
    expect(rest).toEqual([]);
    expect(head).toEqual({ wallTime: 1.5, step: 0, version: 'brain.Event:2', scalars: {} });
    expect(event).toEqual({
      wallTime: 1_800_000_000.25,
      step: 300,
      scalars: { 'validation/UA': 0.5, 'train/loss': Math.fround(-1e-3) },
    });
  });
});

describe('EpochLog', () => {
  let run: string;
  beforeEach(async () => {
    run = await mkdtemp(join(tmpdir(), 'ser-epoch-log-'));
  });
  afterEach(() => rm(run, { recursive: true, force: true }));

  const events = async (...path: string[]): Promise<DecodedEvent[]> => {
    const folder = join(run, 'tensorboard', ...path);
    const names = await readdir(folder);
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/tfevents/); // else TensorBoard passes it over
    return decodeEvents(await readFile(join(folder, names[0]!)));
  };

  it('writes the scalars of each epoch, leaving out what is not defined', async () => {
    const log = await EpochLog.open(run, false);
    await log.append(epochLine(1, 1, 0.25), 2);
    await log.append(epochLine(1, 2, null), 2);
    const [, first, second] = await events('fold-1');
    expect(first).toMatchObject({
      step: 1,
      scalars: {
        'validation/UA': 0.25,
        'test/WA': 0.5,
        'loss_raw/kl': Math.fround(0.6),
        'train/learning_rate': Math.fround(1e-3),
      },
    });
    expect(second!.step).toBe(2);
    expect(Object.keys(second!.scalars)).not.toContain('validation/UA');
  });

  it('repeats earlier epochs without duplicates, at the times at which they ended', async () => {
    const before = await EpochLog.open(run, true);
    for (const seed of [1, 2]) await before.append(epochLine(1, 1, 0.5, seed), 1);
    const [, then] = await events('seed-2', 'fold-1');
    await new Promise((resolve) => setTimeout(resolve, 5));

    const resumed = await EpochLog.open(run, true);
    for (const seed of [1, 2]) await resumed.append(epochLine(1, 1, 0.5, seed), null);
    await resumed.append(epochLine(1, 2, 0.6, 2), 1);
    const [, first, second, ...rest] = await events('seed-2', 'fold-1');
    expect(first).toEqual(then);
    expect(second!.step).toBe(2);
    expect(second!.wallTime).toBeGreaterThan(first!.wallTime);
    expect(rest).toEqual([]);
    const metrics = (await readFile(join(run, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    expect(metrics.map((line) => JSON.parse(line)).map(({ seed, epoch }) => [seed, epoch])).toEqual([
      [1, 1],
      [2, 1],
      [2, 2],
    ]);
  });
});
