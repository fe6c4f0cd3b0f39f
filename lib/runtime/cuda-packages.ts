/** The NVIDIA packages that a CUDA wheel of torch needs: read from its metadata, found beside it or fetched with pip. */

import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RuntimeError } from '../errors.js';
import { verifyDigest } from './archive.js';
import { type NvidiaPin, nvidiaPin } from './pins.js';
import { NoSuchWheel } from './pip.js';
import type { SetupListener } from './setup-event.js';
import { ZipArchive } from './zip.js';

/** One `Requires-Dist` line. */
export interface Requirement {
  name: string;
  extras: string[];
  /** e.g. `==13.0.2`. */
  specifier: string;
  /** Environment marker, empty when there is none. */
  marker: string;
}

/** Fetches one wheel without its dependencies; `specifier` as in a requirement. Returns its path. */
export type FetchWheel = (name: string, specifier: string, pin: NvidiaPin | undefined) => Promise<string>;

export interface CudaPackagesContext {
  /** Folder that may hold the wheels already. */
  beside?: string;
  /** Folder for what is read. */
  scratch: string;
  fetch: FetchWheel;
  onEvent: SetupListener;
  signal?: AbortSignal;
}

export function parseRequirements(metadata: string): Requirement[] {
  return [
    ...metadata.matchAll(/^Requires-Dist:\s*([\w.-]+)\s*(?:\[([^\]]*)\])?\s*([^;\n]*)(?:;(.*))?$/gm),
  ].map(([, name = '', extras = '', specifier = '', marker = '']) => ({
    name: name.toLowerCase().replaceAll('_', '-'),
    extras: extras
      .split(',')
      .map((extra) => extra.trim())
      .filter((extra) => extra !== ''),
    specifier: specifier.trim().replace(/^\((.*)\)$/, '$1'),
    marker: marker.trim(),
  }));
}

/** Whether a marker holds on Linux, for this processor and one of these extras; what it says of Python is taken as true. */
export function markerHolds(marker: string, extras: readonly string[], machine: string): boolean {
  const wanted = [...marker.matchAll(/extra\s*==\s*['"]([^'"]+)['"]/g)].map((match) => match[1] as string);
  if (wanted.length > 0 && !wanted.some((extra) => extras.includes(extra))) return false;
  const machines = [...marker.matchAll(/platform_machine\s*==\s*['"]([^'"]+)['"]/g)].map((match) => match[1]);
  if (machines.length > 0 && !machines.includes(machine)) return false;
  const systems = [...marker.matchAll(/(?:platform_system|sys_platform)\s*==\s*['"]([^'"]+)['"]/g)];
  return systems.length === 0 || systems.some((match) => /^linux$/i.test(match[1] as string));
}

/** Opens the wheels of all NVIDIA packages that `torch` needs, `cuda-toolkit`'s extras included. The caller closes them. */
export async function openCudaPackages(
  torch: ZipArchive,
  archives: ZipArchive[],
  context: CudaPackagesContext,
): Promise<void> {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const direct = (await requirementsOf(torch, context)).filter(
    ({ name, marker }) => /^(nvidia-|cuda-toolkit$)/.test(name) && markerHolds(marker, [], machine),
  );
  if (direct.length === 0) {
    throw new RuntimeError('The torch wheel names no NVIDIA packages, so it cannot be set up for CUDA.', {
      code: 'E_NO_CUDA_VARIANT',
      cure: "Pass a CUDA wheel of torch, or a Python's torch folder, with --from.",
    });
  }
  const packages: Requirement[] = [];
  for (const requirement of direct) {
    if (requirement.name !== 'cuda-toolkit') {
      packages.push(requirement);
      continue;
    }
    // A package of names only, which says which version of each library makes up a toolkit.
    const toolkit = await ZipArchive.open(await wheelOf(requirement, context));
    try {
      const parts = await requirementsOf(toolkit, context);
      packages.push(...parts.filter(({ marker }) => markerHolds(marker, requirement.extras, machine)));
    } finally {
      await toolkit.close();
    }
  }
  for (const requirement of packages)
    archives.push(await ZipArchive.open(await wheelOf(requirement, context)));
}

async function requirementsOf(wheel: ZipArchive, { scratch }: CudaPackagesContext): Promise<Requirement[]> {
  const entry = wheel.entries.find(({ name }) => /^[^/]+\.dist-info\/METADATA$/.test(name));
  if (entry === undefined) return [];
  await mkdir(scratch, { recursive: true });
  const target = join(scratch, 'METADATA');
  await wheel.extract(entry, target);
  return parseRequirements(await readFile(target, 'utf8'));
}

async function wheelOf(requirement: Requirement, context: CudaPackagesContext): Promise<string> {
  const { name, specifier } = requirement;
  const version = specifier.match(/^==\s*([\d.]+?)(\.\*)?$/)?.[1];
  const pin = version === undefined ? undefined : nvidiaPin(name, version);
  const file =
    (await localWheel(name, version, context)) ?? (await fetchWheel(name, specifier, version, pin, context));
  // Where nothing is pinned, pip has checked what it fetched against the digest that its index lists.
  if (pin !== undefined && file.exact)
    await verifyDigest(file.path, pin.sha256, context.onEvent, context.signal);
  return file.path;
}

interface Found {
  path: string;
  /** Of the very version that the metadata names. */
  exact: boolean;
}

async function localWheel(
  name: string,
  version: string | undefined,
  { beside }: CudaPackagesContext,
): Promise<Found | undefined> {
  if (beside === undefined || version === undefined) return undefined;
  const prefix = `${name.replaceAll('-', '_')}-${version}`;
  const found = (await readdir(beside)).find(
    (file) => file.endsWith('.whl') && (file.startsWith(`${prefix}-`) || file.startsWith(`${prefix}.`)),
  );
  return found === undefined ? undefined : { path: join(beside, found), exact: true };
}

async function fetchWheel(
  name: string,
  specifier: string,
  version: string | undefined,
  pin: NvidiaPin | undefined,
  context: CudaPackagesContext,
): Promise<Found> {
  try {
    return { path: await context.fetch(name, specifier, pin), exact: true };
  } catch (error) {
    if (!(error instanceof NoSuchWheel) || version === undefined) throw error;
    // Mirrors drop old releases. Within a major version NVIDIA's libraries keep their binary interface.
    const newer = `>=${version},<${Number.parseInt(version, 10) + 1}`;
    const path = await context.fetch(name, newer, undefined).catch(() => {
      throw error;
    });
    context.onEvent({
      type: 'note',
      text: `No index within reach has ${name} ${version}: took a newer one of its major version.`,
    });
    return { path, exact: false };
  }
}
