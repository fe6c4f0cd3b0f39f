/** A learning curve: one run for each share of the training part, in folders of its own. */
import { mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { withAbsolutePaths } from '../config/absolute-paths.js';
import { checkConfig, resolveConfig } from '../config/resolve.js';
import type { TrainConfig, TrainConfigInput } from '../config/schema.js';
import { UsageError } from '../errors.js';
import { packageVersion } from '../runtime/version.js';
import { writeTextAtomically } from '../train/atomic-file.js';
import { settlePrecision } from '../train/precision.js';
import { continuedConfig, defaultOut, readRunFile } from '../train/run-folder.js';
import { train } from '../train/train.js';
import { CURVE_FILE, readLearningCurve } from './curve-file.js';
import { curvePoint, finishedReport } from './curve-point.js';
import { renderLearningCurvePage } from './page.js';
import type { LearningCurve, LearningCurveOptions } from './types.js';

export interface LearningCurveResult {
  /** Folder of the curve. */
  out: string;
  curve: LearningCurve;
}

/**
 * Trains and judges a run for each share of the training part, the smallest first, in `fraction-<share>` folders of `out`;
 * what is drawn for one is part of what is drawn for the next. Finished runs are kept and unfinished ones gone on with,
 * so that the same call goes on where it was stopped. `learning-curve.json` and `.html` are written after every run.
 *
 * @throws UsageError `E_FRACTIONS`; what `train` throws
 */
export async function trainLearningCurve(options: LearningCurveOptions): Promise<LearningCurveResult> {
  const { config, preset, fractions, out, former } = await settle(options);
  await mkdir(out, { recursive: true });
  let curve: LearningCurve | null = former;
  for (const [index, fraction] of fractions.entries()) {
    const run = `fraction-${fraction}`;
    const folder = join(out, run);
    options.onEvent?.({ type: 'fraction-start', fraction, index, fractions: fractions.length, out: folder });
    const asked = { ...config, trainFraction: fraction };
    const stored = await readRunFile(folder).catch(() => null);
    if (stored) continuedConfig(stored.config, asked); // refuses a run of other settings by name
    const finished = stored && (await finishedReport(folder, asked));
    const report =
      finished ??
      (
        await train({
          preset,
          config: asked,
          ...(stored ? { resume: folder } : { out: folder }),
          embedAudio: options.embedAudio,
          signal: options.signal,
          onEvent: options.onEvent,
          command: options.command,
        })
      ).report;
    const point = await curvePoint(folder, fraction, report);
    curve = {
      schema: 'ser-native/learning-curve@1',
      name: basename(out),
      created: former?.created ?? curve?.created ?? new Date().toISOString(),
      version: packageVersion(),
      corpus: report.corpus,
      synthetic: report.synthetic,
      protocol: report.protocol,
      classes: report.classes,
      preset,
      config,
      fractions,
      points: [...(curve?.points ?? []).filter((other) => other.fraction !== fraction), point].sort(
        (a, b) => a.fraction - b.fraction,
      ),
    };
    await writeTextAtomically(
      join(out, 'learning-curve.html'),
      renderLearningCurvePage([{ folder: out, curve }]),
    );
    await writeTextAtomically(join(out, CURVE_FILE), `${JSON.stringify(curve, null, 2)}\n`);
    options.onEvent?.({ type: 'fraction-end', fraction, reused: Boolean(finished), point });
  }
  return { out, curve: curve! };
}

interface Settled {
  config: TrainConfig;
  preset: string;
  /** Ascending. */
  fractions: number[];
  out: string;
  /** What the folder held before. */
  former: LearningCurve | null;
}

async function settle(options: LearningCurveOptions): Promise<Settled> {
  if (options.resume !== undefined) {
    const out = resolve(options.resume);
    const former = await readLearningCurve(out);
    if (!former) {
      throw new UsageError(`${options.resume} holds no learning curve to go on with`, {
        code: 'E_NOTHING_TO_RESUME',
        cure: 'Name a folder that `ser-native train --train-fraction` wrote, with learning-curve.json in it.',
      });
    }
    const asked = withAbsolutePaths({ ...options.config });
    const config = checkConfig(continuedConfig(former.config, asked));
    const fractions = ascending([...former.fractions, ...(options.fractions ?? [])]);
    return { config, preset: former.preset, fractions, out, former };
  }
  const fractions = ascending(options.fractions ?? []);
  const asked = withAbsolutePaths({ ...options.config }) as TrainConfigInput;
  const resolved = resolveConfig(asked, options.preset);
  const config = { ...(await settlePrecision(resolved.config)), trainFraction: 1 };
  const name = `${config.protocol ?? config.corpus}-fractions`;
  const out = resolve(options.out ?? defaultOut(config.corpus, name, new Date()));
  const former = await readLearningCurve(out);
  if (former) continuedConfig(former.config, config);
  return {
    config,
    preset: resolved.preset,
    fractions: ascending([...fractions, ...(former?.fractions ?? [])]),
    out,
    former,
  };
}

function ascending(fractions: readonly number[]): number[] {
  const wrong = fractions.find((fraction) => !(fraction > 0 && fraction <= 1));
  if (wrong !== undefined || fractions.length === 0) {
    const found = wrong === undefined ? 'none' : String(wrong);
    throw new UsageError(`shares of the training part lie above 0 and up to 1, found ${found}`, {
      code: 'E_FRACTIONS',
      cure: 'For instance --train-fraction 0.1,0.25,0.5,1.',
    });
  }
  return [...new Set(fractions)].sort((a, b) => a - b);
}
