import type { SerError } from '../../lib/errors.js';

/** What a promise rejects with, as a plain object: an error's message is no property that toMatchObject looks at. */
export async function failure(
  promise: Promise<unknown>,
): Promise<Pick<SerError, 'code' | 'exitCode' | 'message' | 'cure' | 'details'>> {
  const error = (await promise.then(
    () => {
      throw new Error('nothing failed');
    },
    (reason: unknown) => reason,
  )) as SerError;
  const { code, exitCode, message, cure, details } = error;
  return { code, exitCode, message, cure, details };
}
