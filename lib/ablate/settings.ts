/** Settings of an ablation: the full method that all cells start from, and what a cell must agree with to count. */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { withAbsolutePaths } from '../config/absolute-paths.js';
import { presetConfig } from '../config/presets.js';
import { checkConfig, mergeConfig, resolveConfig } from '../config/resolve.js';
import type { TrainConfig, TrainConfigInput } from '../config/schema.js';
import { seedsOf, withFirstSeed } from '../config/seeds.js';
import { madeChoices } from '../corpus/index.js';
import { UsageError } from '../errors.js';
import { packageVersion } from '../runtime/version.js';
import { type SettledConfig, settlePrecision } from '../train/precision.js';
import type { Prepared } from '../train/prepare.js';
import { changedSettings, type DecidingSettings, decidingSettings } from '../train/run-folder.js';
import { type AblateOptions, type AblationFile, type Cell, type CellFile, cellName } from './types.js';
import { checkFullMethod, variantConfig, variantNamed } from './variants.js';

type Plain = Record<string, unknown>;

/**
 * The full method: what is asked for over the preset, or over the settings of the folder where it has some.
 *
 * @throws UsageError `E_ABLATION_CONFIG` where the folder's cells were made with other settings
 */
export async function fullMethod(
  { config = {}, preset, out }: Pick<AblateOptions, 'config' | 'preset' | 'out'>,
  stored: AblationFile | null,
): Promise<{ base: SettledConfig; preset: string }> {
  const asked = withAbsolutePaths({ ...config, final: false });
  const fresh = () => resolveConfig(asked as TrainConfigInput, preset);
  if (!stored) {
    const resolved = fresh();
    checkFullMethod(resolved.config);
    return { base: withFirstSeed(await settlePrecision(resolved.config)), preset: resolved.preset };
  }
  // The machine that began it has decided `auto`; all cells compute in the same precision.
  if (asked.precision === 'auto') delete asked.precision;
  const { folds, seeds } = stored.grid;
  const under = {
    ...stored.config,
    ...(stored.ownPlan ? { plan: join(resolve(out), 'folds.json') } : {}),
    folds,
    seeds: asked.seed !== undefined && asked.seeds === undefined ? 1 : seeds,
  };
  const over = preset === undefined ? asked : mergeConfig(presetConfig(preset) as Plain, asked);
  const base = checkConfig(mergeConfig(under as Plain, over)) as SettledConfig;
  const changed = differences(stored.config, base);
  if (changed.length > 0) {
    throw new UsageError(`the cells there were made with other settings of: ${changed.join(', ')}`, {
      code: 'E_ABLATION_CONFIG',
      cure: 'Leave them out to go on with the ablation as it was, or name another folder with --out.',
    });
  }
  return { base: withFirstSeed(base), preset: stored.preset };
}

/**
 * Names of the settings in which a cell or folder differs. What it stored is read as this version reads a configuration, so
 * that a setting that is new since then counts as its default.
 */
function differences(
  stored: DecidingSettings,
  now: TrainConfig,
  seeds: 'ignore' | 'compare' = 'ignore',
): string[] {
  let before: DecidingSettings;
  try {
    before = decidingSettings(checkConfig(stored));
  } catch {
    return ['settings that this version does not know'];
  }
  return changedSettings(before, decidingSettings(now)).filter(
    (key) => seeds === 'compare' || key !== 'seed',
  );
}

/** What every cell of a folder must have been made with. */
export type Agreement = Pick<AblationFile, 'planHash' | 'storeHash'> & { base: SettledConfig };

/** Why a cell does not belong to the ablation: names of settings, `folds`, `samples`; nothing where it does. */
export function misfits(file: CellFile, { base, planHash, storeHash }: Agreement): string[] {
  const variant = variantNamed(file.variant);
  if (!variant) return ['variant'];
  return [
    ...differences(file.config, variantConfig(base, variant, file.seed), 'compare'),
    ...(file.planHash === planHash ? [] : ['folds']),
    ...(file.storeHash === storeHash ? [] : ['samples']),
  ];
}

/** @throws UsageError `E_ABLATION_CELLS` naming each cell and in what it differs; nothing for no cell */
export function refuseMisfits(found: readonly { cell: Cell; reasons: readonly string[] }[]): void {
  if (found.length === 0) return;
  const shown = found.slice(0, 6).map(({ cell, reasons }) => `${cellName(cell)} (${reasons.join(', ')})`);
  const more = found.length > 6 ? ` and ${found.length - 6} more` : '';
  throw new UsageError(
    `${found.length} finished cell${found.length === 1 ? ' was' : 's were'} made with other settings or data: ${shown.join(', ')}${more}`,
    {
      code: 'E_ABLATION_CELLS',
      cure: 'Delete these files of its folder `cells`, or name another folder with --out.',
      details: found.map(({ cell, reasons }) => ({ cell: cellName(cell), reasons })),
    },
  );
}

/** Settings of a new folder. */
export function newSettings(base: SettledConfig, preset: string, prepared: Prepared): AblationFile {
  const { corpus, plan, running } = prepared;
  const choices = madeChoices(corpus);
  return {
    schema: 'ser-native/ablation@1',
    version: packageVersion(),
    created: new Date().toISOString(),
    preset,
    corpus: corpus.name,
    ...(choices ? { choices } : {}),
    synthetic: corpus.synthetic,
    protocol: plan.protocol,
    protocolFolds: plan.folds.length,
    validation: plan.validation,
    classes: [...corpus.classes],
    ...(corpus.partial ? { partial: true } : {}),
    planHash: plan.hash,
    storeHash: storeHash(prepared),
    ...(base.plan === undefined ? {} : { ownPlan: true }),
    config: decidingSettings(base),
    grid: { folds: running, seeds: seedsOf(base) },
  };
}

/** Hash over the decoded samples of every utterance of the corpus. */
export function storeHash({ corpus, store }: Prepared): string {
  const hash = createHash('sha256');
  for (const id of corpus.utterances.map((utterance) => utterance.id).sort())
    hash.update(`${id} ${store.entries.get(id)!.samplesSha256}\n`);
  return hash.digest('hex');
}

/**
 * The folder says what its cells were trained on; `prepared` is what there is now.
 *
 * @throws UsageError `E_ABLATION_DATA`
 */
export function refuseOtherData(prepared: Prepared, settings: AblationFile): void {
  const what = [
    ...(prepared.plan.hash === settings.planHash ? [] : ['folds']),
    ...(storeHash(prepared) === settings.storeHash ? [] : ['samples']),
  ];
  if (what.length === 0) return;
  throw new UsageError(`the ${what.join(' and ')} have changed since the ablation was begun`, {
    code: 'E_ABLATION_DATA',
    cure: 'The corpus has gained, lost or changed files, or is decoded otherwise here. Name another folder with --out.',
  });
}
