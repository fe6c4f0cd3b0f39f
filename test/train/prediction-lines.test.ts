import { softmax } from '../../lib/metrics/index.js';
import { type Evaluation, predictionLines, type Voice } from '../../lib/train/evaluate.js';

const CLASSES = ['a', 'b'];

function evaluation(): Evaluation {
  const logits = Float32Array.of(2, 0, -1, 1);
  return {
    rows: ['u2', 'u1'].map((id, label) => ({ id, label, entry: { offset: 0, length: 400 } })),
    logits,
    probabilities: softmax(logits, 2),
    predictions: Int32Array.of(0, 1),
    scores: {
      n: 2,
      wa: 1,
      ua: 1,
      wf1: 1,
      mf1: 1,
      confusion: [
        [1, 0],
        [0, 1],
      ],
    },
    loss: 0.1,
  };
}

test('lines are sorted by id and name speaker, session and gender as far as the corpus does', () => {
  const voices = new Map<string, Voice>([
    ['u1', { speaker: 's1', session: 'Ses01', gender: 'female' }],
    ['u2', { speaker: 's2' }],
  ]);
  const lines = predictionLines(evaluation(), {
    fold: 3,
    seed: 7,
    selection: 'selected',
    classes: CLASSES,
    voices,
  });
  const [first, second] = lines;
  expect(first).toMatchObject({
    fold: 3,
    seed: 7,
    id: 'u1',
    speaker: 's1',
    session: 'Ses01',
    gender: 'female',
    label: 'b',
    predicted: 'b',
  });
  expect(second).toMatchObject({ id: 'u2', speaker: 's2', label: 'a', predicted: 'a' });
  expect(Object.keys(second!)).not.toContain('session');
  expect(second!.probabilities.a).toBeCloseTo(1 / (1 + Math.exp(-2)), 12);
});
