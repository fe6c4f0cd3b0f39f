import type { EpochScores } from '../../lib/metrics/index.js';
import { bestOnTest, selectEpoch, selectionBasis } from '../../lib/metrics/index.js';

type Part = [wa: number, ua: number | null, loss: number | null];

function line(epoch: number, test: Part, validation?: Part): EpochScores {
  const part = ([wa, ua, loss]: Part) => ({ wa, ua, loss });
  return { epoch, test: part(test), validation: validation && part(validation) };
}

describe('validation-selected', () => {
  test('highest validation UA, blind to the test fold', () => {
    const epochs = [
      line(1, [0.9, 0.9, 0.1], [0.9, 0.4, 1]),
      line(2, [0.1, 0.1, 9], [0.1, 0.6, 2]),
      line(3, [0.9, 0.9, 0.1], [0.9, 0.5, 0.5]),
    ];
    expect(selectEpoch(epochs)).toBe(epochs[1]);
    expect(selectionBasis(epochs, 'selected')).toBe('ua');
  });

  test('equal UA: lower loss, then the earlier epoch, whatever their order', () => {
    const epochs = [
      line(4, [0, 0, 0], [0, 0.6, 1]),
      line(3, [0, 0, 0], [0, 0.6, 1]),
      line(2, [0, 0, 0], [0, 0.6, 2]),
      line(1, [0, 0, 0], [0, 0.5, 0]),
    ];
    expect(selectEpoch(epochs).epoch).toBe(3);
    expect(epochs[0]!.epoch).toBe(4);
  });

  test.each([Number.NaN, null])('a loss of %p loses a tie', (loss) => {
    expect(selectEpoch([line(1, [0, 0, 0], [0, 0.6, loss]), line(2, [0, 0, 0], [0, 0.6, 5])]).epoch).toBe(2);
  });

  test('no validation part: the last epoch, even when the test fold liked another', () => {
    const epochs = [line(2, [0.2, 0.2, 1]), line(3, [0.1, 0.1, 1]), line(1, [0.9, 0.9, 1])];
    expect(selectEpoch(epochs).epoch).toBe(3);
    expect(selectionBasis(epochs, 'selected')).toBe('last-epoch');
  });

  test('no UA: WA decides, and says so', () => {
    const epochs = [
      line(1, [0, 0, 0], [0.5, null, 1]),
      line(2, [0, 0, 0], [0.7, null, 1]),
      line(3, [0, 0, 0], [0.6, null, 0]),
    ];
    expect(selectEpoch(epochs).epoch).toBe(2);
    expect(selectionBasis(epochs, 'selected')).toBe('wa');
  });

  test('refuses no epochs, and epochs of which some were not validated', () => {
    expect(() => selectEpoch([])).toThrow(/no epoch/);
    expect(() => selectEpoch([line(1, [0, 0, 0], [0, 0, 0]), line(2, [0, 0, 0])])).toThrow(/1 of 2 epochs/);
  });
});

describe('best on test', () => {
  test('highest test UA, blind to validation', () => {
    const epochs = [
      line(1, [0, 0.3, 1], [1, 1, 0]),
      line(2, [0, 0.5, 9], [0, 0, 9]),
      line(3, [0, 0.4, 0], [1, 1, 0]),
    ];
    expect(bestOnTest(epochs)).toBe(epochs[1]);
    expect(selectionBasis(epochs, 'bestOnTest')).toBe('ua');
  });

  test('a test fold that lacks a class: WA, and says so', () => {
    const epochs = [line(1, [0.3, null, 1]), line(2, [0.4, null, 1])];
    expect(bestOnTest(epochs).epoch).toBe(2);
    expect(selectionBasis(epochs, 'bestOnTest')).toBe('wa');
  });

  test('refuses a run that holds nothing out, which still has a last epoch', () => {
    expect(() => bestOnTest([{ epoch: 1 }])).toThrow(/no test fold/);
    expect(selectEpoch([{ epoch: 1 }, { epoch: 2 }]).epoch).toBe(2);
  });
});
