/**
 * Errors that a user may meet. Each carries a stable `code`, a sentence that says what was expected, what was found and
 * what to do, and the exit code that the command line ends with.
 */

/** Exit codes of the command line; scripts rely on them. */
export const ExitCode = {
  done: 0,
  usage: 2,
  data: 3,
  runtime: 4,
  diverged: 5,
  interrupted: 130,
} as const;

export interface SerErrorOptions {
  /** Stable, machine-readable reason, e.g. `E_CHECKSUM`. */
  code: string;
  /** What the user can do about it; printed on a line of its own. */
  cure?: string;
  cause?: unknown;
  /** Machine-readable facts, e.g. `{ files: [...] }`. */
  details?: unknown;
}

/** Base of all errors that this package throws on purpose. */
export abstract class SerError extends Error {
  readonly code: string;
  readonly cure?: string;
  readonly details?: unknown;
  abstract readonly exitCode: number;

  constructor(message: string, options: SerErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.cure = options.cure;
    this.details = options.details;
  }
}

/** Wrong usage or configuration: an unknown option, corpus, protocol, or a wrong type through the API. Exit code 2. */
export class UsageError extends SerError {
  readonly exitCode = ExitCode.usage;
}

/** The data cannot be used: missing folder, unreadable file, leaking folds, a truncated checkpoint. Exit code 3. */
export class DataError extends SerError {
  readonly exitCode = ExitCode.data;
}

/** LibTorch, the addon, the compiler or the device failed. Exit code 4. */
export class RuntimeError extends SerError {
  readonly exitCode = ExitCode.runtime;
}

/** Training met too many non-finite steps in a row. Exit code 5. */
export class DivergedError extends SerError {
  readonly exitCode = ExitCode.diverged;
}

/** The user asked to stop (Ctrl-C, SIGTERM, or an AbortSignal). Exit code 130. */
export class InterruptedError extends SerError {
  readonly exitCode = ExitCode.interrupted;
}

/** Whether an unknown value is an error with a Node-style `code`, e.g. `ENOENT`. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    codes.includes(String((error as { code: unknown }).code))
  );
}
