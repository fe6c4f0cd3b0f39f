import type { Utterance } from '../../lib/corpus/types.js';
import { conditionReports, type ReportInput } from '../../lib/evaluate/condition-reports.js';
import type { ModelCard } from '../../lib/train/types.js';

const known = ['neutral', 'happiness', 'anger'];
const utterances = Array.from({ length: 12 }, (_, i): Utterance => {
  const emotion = ['neutral', 'anger'][i % 2]!;
  return { id: `u${String(i).padStart(2, '0')}`, path: '', emotion, speaker: `s${i % 3}` };
});
const labels = new Map(utterances.map(({ id, emotion }) => [id, emotion]));

/** A model that gives every utterance the same probabilities. */
const judge = (
  fold: number,
  seed: number,
  probabilities: number[],
  of: readonly Utterance[] = utterances,
) => ({
  judge: { name: `fold ${fold} of seed ${seed}`, path: '', card: { fold, seed } as ModelCard },
  conditions: [0, 1].map(() => ({
    probabilities: new Map(of.map(({ id }) => [id, Float64Array.from(probabilities)])),
    samples: 1000,
    clipped: fold,
  })),
});

const input = (over: Partial<ReportInput>): ReportInput => ({
  run: 'run',
  kind: 'other',
  conditions: [{ kind: 'clean' }, { kind: 'noise', snr: 5 }],
  heard: [],
  utterances,
  labels,
  known,
  classes: ['neutral', 'anger'],
  otherClasses: 'renormalise',
  ...over,
});

describe('conditionReports', () => {
  it('averages the folds on another corpus, with the final model apart', () => {
    const heard = [judge(1, 1, [0.6, 0.1, 0.3]), judge(2, 1, [0.1, 0, 0.9]), judge(0, 1, [0.9, 0, 0.1])];
    const { basis, reports, lines } = conditionReports(input({ heard }));
    expect(basis).toBe('ensemble');
    const both = lines.filter((line) => line.model === 'ensemble' && line.condition === 'clean');
    expect(both).toHaveLength(12);
    // (0.6 + 0.1) / 2 = 0.35 against (0.3 + 0.9) / 2 = 0.6 of what happiness leaves.
    expect(both[0]!.probabilities.anger).toBeCloseTo(0.6 / 0.95, 12);
    expect(both[0]!.predicted).toBe('anger');
    expect(reports[0]!.overall.confusion).toEqual([
      [0, 6],
      [0, 6],
    ]);
    expect(reports[0]!.models).toHaveLength(3);
    expect(reports[0]!.mean.wa).toEqual({ mean: 0.5, std: 0 });
    expect(reports[1]!.change!.wa).toMatchObject({ difference: 0 });
    expect(reports[1]!.clipped).toBeCloseTo(3 / 3000, 12);
  });

  it('pools the test parts of an own corpus, every seed counted, and means over seeds', () => {
    const [first, second] = [utterances.slice(0, 6), utterances.slice(6)];
    const neutral = [0.8, 0.1, 0.1];
    const anger = [0.1, 0.1, 0.8];
    const perfect = (part: readonly Utterance[], fold: number, seed: number) => {
      const made = judge(fold, seed, neutral, part);
      for (const { probabilities } of made.conditions)
        for (const { id, emotion } of part)
          probabilities.set(id, Float64Array.from(emotion === 'neutral' ? neutral : anger));
      return made;
    };
    const heard = [
      perfect(first, 1, 1),
      perfect(second, 2, 1),
      judge(1, 2, neutral, first),
      judge(2, 2, neutral, second),
    ];
    const { basis, reports } = conditionReports(input({ kind: 'own', heard }));
    expect(basis).toBe('pooled');
    expect(reports[0]!.overall).toMatchObject({ n: 24, wa: 0.75 });
    expect(reports[0]!.mean.wa.mean).toBe(0.75);
    expect(reports[0]!.mean.wa.std).toBeCloseTo(Math.SQRT1_2 / 2, 12); // of the seeds' means, 1 and 0.5
  });

  it('is the one model where there is one, whatever final model stands beside it', () => {
    const heard = [judge(1, 1, [0.8, 0.1, 0.1]), judge(0, 1, [0.1, 0.1, 0.8])];
    const { basis, reports } = conditionReports(input({ heard }));
    expect(basis).toBe('single');
    expect(reports[0]!.overall.confusion).toEqual([
      [6, 0],
      [6, 0],
    ]);
  });
});
