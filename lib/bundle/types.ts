/** What a bundle is asked for, and what comes of it. */

export interface BundleOptions {
  /** Archive to write: `.tar.xz` or `.tar.gz`. Default: by version and platform, in the working directory. */
  out?: string;
  /** Put this process' own Node into it. */
  node?: boolean;
  /** Encoders to put into it: each a folder, or a model of the hub's cache. */
  weights?: readonly string[];
  /** Largest archive, in MiB (2^20 bytes); a larger one is not kept. */
  limitMiB?: number;
  onProgress?: (event: BundleEvent) => void;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
}

export type BundleEvent =
  | { type: 'plan'; file: string; parts: BundlePart[] }
  /** Bytes taken in of the total, and bytes of the archive written. */
  | { type: 'progress'; done: number; total: number; written: number }
  | { type: 'note'; text: string };

/** One line of what is in a bundle. */
export interface BundlePart {
  name: 'package' | 'node_modules' | 'node' | 'weights';
  files: number;
  /** Before they are compressed. */
  bytes: number;
}

export interface BundleResult {
  file: string;
  /** Of the archive. */
  bytes: number;
  sha256: string;
  /** The folder that the archive unpacks to. */
  folder: string;
  parts: BundlePart[];
  /** Folders of the encoders in it, relative to `folder`. */
  weights: string[];
  seconds: number;
}
