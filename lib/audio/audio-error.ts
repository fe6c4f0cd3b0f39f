import { DataError } from '../errors.js';

export interface AudioErrorOptions {
  code: string;
  /** File or URI that the audio came from, if it has one. */
  path?: string;
  cure?: string;
  cause?: unknown;
  /**
   * True where the machine, not the file, is at fault (no decoder, no permission, time limit): such a verdict is never
   * remembered, because the same file may decode in a minute.
   */
  transient?: boolean;
}

/** A file that cannot be decoded or must not be trained on. `reason` is the sentence without the path. */
export class AudioError extends DataError {
  readonly reason: string;
  readonly path?: string;
  readonly transient: boolean;

  constructor(reason: string, options: AudioErrorOptions) {
    super(options.path === undefined ? reason : `${options.path}: ${reason}`, {
      code: options.code,
      cure: options.cure,
      cause: options.cause,
      details: { path: options.path, reason },
    });
    this.reason = reason;
    this.path = options.path;
    this.transient = options.transient ?? false;
  }

  /** The same error, naming the file. */
  at(path: string): AudioError {
    const { code, cure, cause, transient } = this;
    return new AudioError(this.reason, { code, cure, cause, transient, path });
  }
}
