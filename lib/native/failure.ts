/** Turns failures of the addon into this package's errors, made where the call was made. */
import { DataError, InterruptedError, RuntimeError, type SerError, UsageError } from '../errors.js';

/** Codes that the addon gives its errors; see bindings.d.ts. */
export type NativeCode =
  | 'E_ARGUMENT'
  | 'E_HANDLE'
  | 'E_IO'
  | 'E_FORMAT'
  | 'E_SHAPE'
  | 'E_OUT_OF_MEMORY'
  | 'E_CANCELLED'
  | 'E_STOPPED'
  | 'E_DEVICE'
  | 'E_CUDA'
  | 'E_TORCH'
  | 'E_INTERNAL';

type SerErrorClass = new (
  message: string,
  options: { code: string; cure?: string; cause?: unknown },
) => SerError;

const KINDS: Record<NativeCode, { Class: SerErrorClass; cure?: string }> = {
  E_ARGUMENT: { Class: UsageError },
  E_HANDLE: {
    Class: UsageError,
    cure: 'Use an object only until its release(), and with the engine that made it.',
  },
  E_IO: {
    Class: DataError,
    cure: 'Check that the path exists, that it may be read or written, and that the disk is not full.',
  },
  E_FORMAT: {
    Class: DataError,
    cure: 'The file is damaged or of another kind; take an earlier checkpoint or write it anew.',
  },
  E_SHAPE: {
    Class: DataError,
    cure: 'Use a configuration and a file that were made for each other (classes, encoder, pooling).',
  },
  E_OUT_OF_MEMORY: {
    Class: RuntimeError,
    cure: 'Take smaller batches (fewer utterances or seconds) or a smaller model.',
  },
  E_CANCELLED: { Class: InterruptedError },
  E_STOPPED: { Class: RuntimeError, cure: 'Open another engine with openEngine().' },
  E_DEVICE: {
    Class: RuntimeError,
    cure: 'Run `ser-native doctor`; or compute on the CPU: device "cpu".',
  },
  E_CUDA: {
    Class: RuntimeError,
    cure: 'Open a new process: after such an error the GPU serves this one no more. Report it if it comes again.',
  },
  E_TORCH: {
    Class: RuntimeError,
    cure: 'Run `ser-native doctor` and report its output if this comes again.',
  },
  E_INTERNAL: {
    Class: RuntimeError,
    cure: 'Run `ser-native doctor` and report its output if this comes again.',
  },
};

/** Stack frames of a call, kept until its promise is settled: an error made in C++ has none. */
export interface CallSite {
  stack?: string;
}

/** Frames above `callee`, which is left out itself. */
export function captureCallSite(callee: (...args: never[]) => unknown): CallSite {
  const site: CallSite = {};
  Error.captureStackTrace(site, callee);
  return site;
}

/**
 * The `SerError` for what a call to the addon threw or rejected with; its `cause` is the original. An error that is not
 * the addon's (a getter of the caller's threw) is returned as it is.
 */
export function toSerError(failure: unknown, site: CallSite): unknown {
  // Not instanceof: in a vm context, such as a test runner's, the addon's errors are of another realm.
  const code = (failure as { code?: unknown } | null)?.code;
  const kind = typeof code === 'string' && Object.hasOwn(KINDS, code) ? KINDS[code as NativeCode] : undefined;
  if (!kind) return failure;
  const { message } = failure as Error;
  return placed(new kind.Class(message, { code: code as string, cure: kind.cure, cause: failure }), site);
}

/** `error` with the stack of the call that it is about. */
export function placed<T extends SerError>(error: T, site: CallSite): T {
  const frames = site.stack?.split('\n').slice(1).join('\n');
  if (frames) error.stack = `${error.name}: ${error.message}\n${frames}`;
  return error;
}
