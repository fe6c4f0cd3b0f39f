/** Calls into the addon: cancellation by AbortSignal, failures as `SerError`, and the end of it all. */
import type { Addon } from '../../bindings.js';
import { InterruptedError, RuntimeError } from '../errors.js';
import { captureCallSite, placed, toSerError } from './failure.js';

export interface CallOptions {
  /**
   * Aborting rejects the call with an `InterruptedError` once the engine has reached a safe point; a step that is cancelled
   * leaves the weights as they were. Aborted too late, the call resolves as if nothing had happened.
   */
  signal?: AbortSignal;
}

/** The calls of one `SerEngine` that are under way. */
export class Calls {
  readonly addon: Addon;
  /** What lives in the addon and is not released yet. */
  readonly objects = new Set<{ release(): Promise<void> }>();
  readonly #underWay = new Map<number, Promise<unknown>>();
  #closed = false;

  constructor(addon: Addon) {
    this.addon = addon;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Makes one call and settles as it does.
   *
   * @param callee the public function that the user called; the stack of an error starts above it
   */
  async run<T>(
    callee: (...args: never[]) => unknown,
    enqueue: (addon: Addon) => Promise<T>,
    { signal }: CallOptions = {},
  ): Promise<T> {
    const site = captureCallSite(callee);
    if (this.#closed) {
      const cure = 'Open another engine with openEngine().';
      throw placed(new RuntimeError('the engine was disposed of', { code: 'E_STOPPED', cure }), site);
    }
    if (signal?.aborted) {
      const cause: unknown = signal.reason;
      throw placed(
        new InterruptedError('the call was aborted before it began', { code: 'E_CANCELLED', cause }),
        site,
      );
    }
    const { addon } = this;
    let cancel: (() => void) | undefined;
    let job: number | undefined;
    try {
      const pending = enqueue(addon);
      job = addon.lastJob();
      const id = job;
      this.#underWay.set(id, pending);
      if (signal) {
        cancel = () => addon.cancel(id);
        signal.addEventListener('abort', cancel, { once: true });
      }
      return await pending;
    } catch (failure) {
      throw toSerError(failure, site);
    } finally {
      if (job !== undefined) this.#underWay.delete(job);
      if (cancel) signal?.removeEventListener('abort', cancel);
    }
  }

  /** Cancels what is under way; each call rejects with an `InterruptedError` of its own. */
  cancel(): void {
    for (const job of this.#underWay.keys()) this.addon.cancel(job);
  }

  /** Cancels what is under way, frees what is left, and takes no more calls. */
  async close(): Promise<void> {
    this.cancel();
    const freed = [...this.objects].map((object) => object.release());
    this.#closed = true;
    await Promise.allSettled([...freed, ...this.#underWay.values()]);
  }
}
