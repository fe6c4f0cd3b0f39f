/** A share of a training part, for learning curves: how much of a result is owed to how much data. */
import type { TrainConfig } from '../config/schema.js';
import type { Utterance } from '../corpus/types.js';
import type { Fold } from '../folds/types.js';
import { Random } from '../random/philox.js';

type Drawn = Pick<Utterance, 'id' | 'speaker' | 'emotion'>;

/** The training part that a configuration asks for: all of the fold's, or a drawn share. Validation and test stay whole. */
export function trainPart(
  fold: Fold,
  config: Pick<TrainConfig, 'trainFraction' | 'seed'>,
  utterances: readonly Drawn[],
): string[] {
  if (config.trainFraction === 1) return fold.train;
  const wanted = new Set(fold.train);
  return drawFraction(
    utterances.filter(({ id }) => wanted.has(id)),
    config.trainFraction,
    { seed: config.seed, fold: fold.fold },
  );
}

/**
 * Draws a share of utterances within speakers and, within each, evenly over classes as far as whole utterances allow.
 *
 * Every utterance gets a place in [0, 1) and is drawn where that is below `fraction`, so that a smaller draw is part of every
 * larger one of the same seed and fold. The places of a speaker's n utterances of one class lie 1/n apart from a start of
 * their own. Starts are spread evenly over speakers and over classes, which keeps both the draw of a speaker and that of a
 * class near its share: rounding in each of them alone would add up. One utterance of every class is always drawn.
 *
 * @param fraction in (0, 1]
 * @returns ids in the order of `utterances`
 */
export function drawFraction(
  utterances: readonly Drawn[],
  fraction: number,
  key: { seed: number; fold: number },
): string[] {
  const random = new Random({ ...key, stream: 'train-fraction' });
  const ranks = (names: readonly string[]) =>
    new Map(random.shuffled([...new Set(names)].sort()).map((name, rank, all) => [name, rank / all.length]));
  const speakerStart = ranks(utterances.map(({ speaker }) => speaker));
  const classStart = ranks(utterances.map(({ emotion }) => emotion));
  const offset = random.uniform();

  const cells = new Map<string, Drawn[]>();
  for (const utterance of utterances) {
    const cell = JSON.stringify([utterance.speaker, utterance.emotion]);
    const members = cells.get(cell);
    if (members) members.push(utterance);
    else cells.set(cell, [utterance]);
  }
  const places = new Map<string, number>();
  const first = new Map<string, { id: string; place: number }>();
  for (const [cell, members] of cells) {
    const { speaker, emotion } = members[0]!;
    const start = (offset + speakerStart.get(speaker)! + classStart.get(emotion)!) % 1;
    const order = new Random({ ...key, stream: 'train-fraction', item: cell }).shuffled(
      members.sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
    order.forEach(({ id }, k) => {
      const place = (k + start) / order.length;
      places.set(id, place);
      const lowest = first.get(emotion);
      if (lowest === undefined || place < lowest.place) first.set(emotion, { id, place });
    });
  }
  for (const { id } of first.values()) places.set(id, 0);
  return utterances.filter(({ id }) => places.get(id)! < fraction).map(({ id }) => id);
}
