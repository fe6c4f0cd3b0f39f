/** From preset, config file, `--set` and flags (each overriding the one before) to one checked configuration. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { hasCode, UsageError } from '../errors.js';
import { defaultPreset, presetConfig } from './presets.js';
import { type TrainConfig, type TrainConfigInput, trainConfigSchema } from './schema.js';

type Plain = Record<string, unknown>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Two variants of a setting, such as encoders of different kinds, share no fields. */
const isOtherKind = (a: Plain, b: Plain) =>
  'kind' in a && 'kind' in b && a.kind !== b.kind && 'source' in { ...a, ...b };

/** `over` wins; objects merge field by field, arrays, values and objects of another kind are replaced. */
export function mergeConfig(under: Plain, over: Plain): Plain {
  const result: Plain = { ...under };
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const below = result[key];
    result[key] =
      isPlain(below) && isPlain(value) && !isOtherKind(below, value) ? mergeConfig(below, value) : value;
  }
  return result;
}

/** Reads a JSON or YAML config file; the `run.json` of a run stands for the configuration in it. */
export async function readConfigFile(path: string): Promise<TrainConfigInput> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(
      `cannot read the config file ${path}${hasCode(error, 'ENOENT') ? ': there is no such file' : ''}`,
      {
        code: 'E_CONFIG_FILE',
        cause: error,
      },
    );
  }
  let value: unknown;
  try {
    value = extname(path).toLowerCase() === '.json' ? JSON.parse(text) : parseYaml(text);
  } catch (error) {
    throw new UsageError(`${path} is neither valid JSON nor YAML: ${(error as Error).message}`, {
      code: 'E_CONFIG_FILE',
      cause: error,
    });
  }
  if (value === null || value === undefined) return {};
  if (!isPlain(value))
    throw new UsageError(`${path} must hold an object of settings`, { code: 'E_CONFIG_FILE' });
  if (value.schema === 'ser-native/run@1' && isPlain(value.config)) return value.config as TrainConfigInput;
  return value as TrainConfigInput;
}

/** Turns `optimiser.learningRate=0.002` into `{ optimiser: { learningRate: 0.002 } }`; values are JSON, else text. */
export function parseSetting(setting: string): Plain {
  const equals = setting.indexOf('=');
  const path = setting.slice(0, equals).trim();
  if (equals < 1 || !/^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*$/.test(path)) {
    throw new UsageError(`--set expects key=value, e.g. optimiser.learningRate=0.002, got "${setting}"`, {
      code: 'E_SET',
    });
  }
  const text = setting.slice(equals + 1);
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    value = text; // not JSON: a bare word such as `eam`
  }
  return path
    .split('.')
    .reverse()
    .reduce<unknown>((inner, key) => ({ [key]: inner }), value) as Plain;
}

export interface ConfigLayers {
  file?: TrainConfigInput;
  settings?: readonly string[];
  flags?: TrainConfigInput;
}

export interface ResolvedConfig {
  config: TrainConfig;
  preset: string;
}

/** Config file, then `--set`, then flags: what the user asked for, without the preset below it. */
export function mergeLayers(layers: ConfigLayers): TrainConfigInput {
  let asked: Plain = {};
  if (layers.file) asked = mergeConfig(asked, layers.file as Plain);
  for (const setting of layers.settings ?? []) asked = mergeConfig(asked, parseSetting(setting));
  if (layers.flags) asked = mergeConfig(asked, layers.flags as Plain);
  return asked as TrainConfigInput;
}

/** Puts what was asked for over a preset (the corpus' own where none is named) and checks it; complaints name the field. */
export function resolveConfig(asked: TrainConfigInput, preset?: string): ResolvedConfig {
  const name = preset ?? defaultPreset(asked);
  return { config: checkConfig(mergeConfig(presetConfig(name) as Plain, asked as Plain)), preset: name };
}

/** Checks a configuration and fills its defaults. */
export function checkConfig(input: unknown): TrainConfig {
  const result = trainConfigSchema.safeParse(input);
  if (!result.success) {
    const lines = result.error.issues.map(
      (issue) => `${issue.path.join('.') || 'configuration'}: ${issue.message}`,
    );
    throw new UsageError(`the configuration does not hold: ${lines.join('; ')}`, {
      code: 'E_CONFIG',
      cure: 'See docs/configuration.md, or print the resolved one with --print-config.',
      details: z.treeifyError(result.error),
    });
  }
  return result.data;
}

/** Stable text of a JSON value: keys sorted, no spaces. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isPlain(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/** sha256 (hex) that names a configuration, so that a resumed run is known to be the same one. */
export function configHash(config: TrainConfig): string {
  return createHash('sha256').update(canonicalJson(config)).digest('hex');
}
