/** What a run notes of each epoch: `metrics.jsonl`, `timings.jsonl` and TensorBoard's event files. */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EpochLine } from '../report/types.js';
import { epochScalars } from '../tracking/epoch-scalars.js';
import { fileHeader, scalarRecord } from '../tracking/event-file.js';

/** The end of the name is ours; TensorBoard wants the rest. */
const EVENT_FILE = 'events.out.tfevents.ser-native';

interface Timing {
  at: string;
  seed?: number;
  fold: number;
  epoch: number;
  seconds: number;
}

/**
 * A resumed run gives its earlier epochs again, from results and checkpoints: metrics and events are written anew from them,
 * so that nothing stands twice and nothing half. Wall-clock times live apart from the metrics, which must not differ between
 * two runs of the same settings.
 */
export class EpochLog {
  readonly #run: string;
  readonly #seeds: boolean;
  /** When the epochs of earlier sittings ended, seconds since 1970. */
  readonly #ended: ReadonlyMap<string, number>;
  /** Event files that this sitting has begun. */
  readonly #begun = new Set<string>();

  private constructor(run: string, seeds: boolean, ended: ReadonlyMap<string, number>) {
    this.#run = run;
    this.#seeds = seeds;
    this.#ended = ended;
  }

  /**
   * Empties the metrics of a run folder, to be written from the first epoch on.
   *
   * @param seeds whether the run has several, whose event files then lie in a folder for each
   */
  static async open(run: string, seeds: boolean): Promise<EpochLog> {
    const ended = new Map<string, number>();
    for (const { at, seed, fold, epoch } of await readTimings(join(run, 'timings.jsonl')))
      ended.set(epochKey(seed, fold, epoch), Date.parse(at) / 1000);
    await writeFile(join(run, 'metrics.jsonl'), '');
    return new EpochLog(run, seeds, ended);
  }

  /** @param seconds that the epoch took; null for one of an earlier sitting */
  async append(line: EpochLine, seconds: number | null): Promise<void> {
    const { seed, fold, epoch } = line;
    await appendFile(join(this.#run, 'metrics.jsonl'), `${JSON.stringify(line)}\n`);
    const now = new Date();
    if (seconds !== null) {
      const timing: Timing = { at: now.toISOString(), seed, fold, epoch, seconds };
      await appendFile(join(this.#run, 'timings.jsonl'), `${JSON.stringify(timing)}\n`);
    }
    const earlier =
      this.#ended.get(epochKey(seed, fold, epoch)) ?? this.#ended.get(epochKey(undefined, fold, epoch));
    const wallTime = seconds === null && earlier !== undefined ? earlier : now.getTime() / 1000;
    await this.#appendEvent(line, wallTime);
  }

  async #appendEvent(line: EpochLine, wallTime: number): Promise<void> {
    const fold = line.fold === 0 ? 'final' : `fold-${line.fold}`;
    const name = this.#seeds ? join(`seed-${line.seed}`, fold) : fold;
    const path = join(this.#run, 'tensorboard', name, EVENT_FILE);
    const event = scalarRecord({ wallTime, step: line.epoch, scalars: epochScalars(line) });
    if (this.#begun.has(path)) {
      await appendFile(path, event);
      return;
    }
    this.#begun.add(path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, Buffer.concat([fileHeader(wallTime), event]));
  }
}

/** Timings of before there could be several seeds name none. */
const epochKey = (seed: number | undefined, fold: number, epoch: number) => `${seed ?? ''} ${fold} ${epoch}`;

/** A killed process may have left its last line half-written; times are no results, so such a line is passed over. */
async function readTimings(path: string): Promise<Timing[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Timing];
    } catch {
      return [];
    }
  });
}
