/** Mixing of waveforms by a plan. */
import { MIN_SAMPLES } from '../audio/types.js';
import { eamLambda } from '../mix/plan.js';
import type { MixKind, MixPlan, MixRow } from '../mix/types.js';
import { argumentError, checkInteger, checkObject, typeName } from './op-arguments.js';
import { type OpOptions, withEngine } from './op-engine.js';

/** A row of a mix plan in which what follows from the rest may be left out. */
export type PlannedMix = Pick<MixRow, 'id' | 'partner'> & Partial<MixRow>;

export interface MixedUtterance {
  id: string;
  partner: string;
  /** Of full scale 1, not clipped; for LAM as long as the longer of the two. */
  samples: Float32Array;
  /** Weight of the partner's label; 0 where `skipped`. */
  lambda: number;
  /** The mix was left out because a segment is silent (power under 1e-8 of full scale). */
  skipped: boolean;
}

/** Waveforms by utterance id, int16 at 16 kHz. */
export type Waveforms = ReadonlyMap<string, Int16Array> | Readonly<Record<string, Int16Array>>;

/**
 * Mixes waveforms as a plan says: energy-adaptive mixup (EAM, Wang et al., arXiv 2512.04551) adds a segment of the partner,
 * scaled to the planned signal-to-noise ratio; label-adaptive mixup (LAM, Kang et al., ICASSP 2023) averages the two
 * peak-normalised waveforms. The same plan gives the same bits everywhere.
 *
 * @param plan `planMix(...)`, or rows of one's own; an absent `lambda` is computed (EAM: coverage / (1 + 10^(snr/10)), LAM:
 *   the partner's share of the samples)
 * @param samples the waveform of every utterance and partner that the plan names
 * @returns one entry per row of the plan, in its order
 * @throws UsageError (`E_ARGUMENT`) that names the row and what is wrong with it
 */
export async function mix(
  plan: { kind: MixKind; rows: readonly PlannedMix[] } | MixPlan,
  samples: Waveforms,
  options: OpOptions = {},
): Promise<MixedUtterance[]> {
  checkObject('plan', plan);
  const { kind } = plan;
  if (kind !== 'eam' && kind !== 'lam' && kind !== 'none') {
    throw argumentError('plan.kind', "'eam', 'lam' or 'none'", kind);
  }
  const planned: readonly PlannedMix[] = plan.rows;
  if (!Array.isArray(planned)) throw argumentError('plan.rows', 'an array', planned);
  if (kind === 'none' || planned.length === 0) return [];
  checkObject('samples', samples);

  const packed = new Packed(samples);
  const rows = planned.map((row, index) => {
    const name = `plan.rows[${index}]`;
    checkObject(name, row);
    const base = packed.place(`${name}.id`, row.id);
    const partner = packed.place(`${name}.partner`, row.partner);
    return {
      base,
      partner,
      ...(kind === 'eam' ? eamRow(name, row, base, partner) : lamRow(name, row, base, partner)),
    };
  });
  const int32 = (pick: (row: (typeof rows)[number]) => number) => Int32Array.from(rows, pick);
  const float64 = (pick: (row: (typeof rows)[number]) => number) => Float64Array.from(rows, pick);
  const result = await withEngine(options, (engine) =>
    engine.mixSamples(
      {
        samples: packed.concatenated(),
        rows: {
          offsets: float64((row) => row.base.offset),
          lengths: int32((row) => row.base.length),
          keys: new Uint32Array(rows.length),
        },
        mix: {
          kind,
          active: new Uint8Array(rows.length).fill(1),
          partnerOffsets: float64((row) => row.partner.offset),
          partnerLengths: int32((row) => row.partner.length),
          starts: int32((row) => row.start),
          partnerStarts: int32((row) => row.partnerStart),
          segmentLengths: int32((row) => row.length),
          snr: float64((row) => row.snr),
          lambda: float64((row) => row.lambda),
        },
      },
      options,
    ),
  );
  let offset = 0;
  return planned.map(({ id, partner }, index) => {
    const mixed = result.samples.slice(offset, offset + result.lengths[index]!);
    offset += mixed.length;
    const skipped = result.skipped[index] !== 0;
    return { id, partner, samples: mixed, lambda: skipped ? 0 : rows[index]!.lambda, skipped };
  });
}

interface Placed {
  offset: number;
  length: number;
}

/** The waveforms of a plan one after the other, each once. */
class Packed {
  readonly #find: (id: string) => unknown;
  readonly #placed = new Map<string, Placed>();
  readonly #parts: Int16Array[] = [];
  #end = 0;

  constructor(samples: Waveforms) {
    const isMap = typeName(samples) === 'Map';
    this.#find = (id) =>
      isMap
        ? (samples as ReadonlyMap<string, Int16Array>).get(id)
        : Object.hasOwn(samples, id)
          ? (samples as Record<string, Int16Array>)[id]
          : undefined;
  }

  place(name: string, id: unknown): Placed {
    if (typeof id !== 'string') throw argumentError(name, 'the id of an utterance', id);
    const known = this.#placed.get(id);
    if (known) return known;
    const waveform = this.#find(id);
    if (waveform === undefined) throw argumentError(name, 'an utterance that `samples` holds', id);
    if (typeName(waveform) !== 'Int16Array') {
      throw argumentError(`samples of '${id}'`, 'an Int16Array at 16 kHz', waveform);
    }
    const part = waveform as Int16Array;
    if (part.length < MIN_SAMPLES)
      throw argumentError(`samples of '${id}'`, `at least ${MIN_SAMPLES} samples`, part);
    const placed = { offset: this.#end, length: part.length };
    this.#placed.set(id, placed);
    this.#parts.push(part);
    this.#end += part.length;
    return placed;
  }

  concatenated(): Int16Array {
    const all = new Int16Array(this.#end);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

function eamRow(name: string, row: PlannedMix, base: Placed, partner: Placed) {
  const { start, partnerStart, length, snr } = row;
  checkInteger(`${name}.length`, length, 1, Math.min(base.length, partner.length));
  checkInteger(`${name}.start`, start, 0, base.length - length!);
  checkInteger(`${name}.partnerStart`, partnerStart, 0, partner.length - length!);
  if (!Number.isFinite(snr)) throw argumentError(`${name}.snr`, 'a finite number of dB', snr);
  const lambda = checkedLambda(name, row.lambda ?? eamLambda(length!, base.length, snr!));
  return { start: start!, partnerStart: partnerStart!, length: length!, snr: snr!, lambda };
}

function lamRow(name: string, row: PlannedMix, base: Placed, partner: Placed) {
  const lambda = checkedLambda(name, row.lambda ?? partner.length / (base.length + partner.length));
  return { start: 0, partnerStart: 0, length: 0, snr: 0, lambda };
}

function checkedLambda(name: string, lambda: number): number {
  if (!(lambda >= 0 && lambda <= 1)) throw argumentError(`${name}.lambda`, 'a number in [0, 1]', lambda);
  return lambda;
}
