/** Tells the speaker from a path, by a regular expression that the user gives. */

import { UsageError } from '../errors.js';

/**
 * @param source a regular expression with a group: the one named `speaker`, else the first, holds the speaker
 * @returns the speaker of a path with `/` separators; undefined where the pattern finds none
 * @throws UsageError `E_SPEAKER_PATTERN`
 */
export function compileSpeakerPattern(source: string): (path: string) => string | undefined {
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, 'u');
  } catch (error) {
    throw new UsageError(
      `speakerPattern is not a regular expression: ${error instanceof Error ? error.message : source}`,
      {
        code: 'E_SPEAKER_PATTERN',
        cure: "A group holds the speaker, for instance '/([^/_]+)_[^/]*$' for anger/anna_01.wav.",
        cause: error,
      },
    );
  }
  // An alternative that matches the empty string reveals how many groups the pattern has.
  if (new RegExp(`${source}|`, 'u').exec('')!.length < 2) {
    throw new UsageError(`speakerPattern ${source} has no group, so it cannot name a speaker.`, {
      code: 'E_SPEAKER_PATTERN',
      cure: 'Put the part that is the speaker in parentheses.',
    });
  }
  return (path) => {
    const match = pattern.exec(path);
    return match?.groups?.speaker || match?.[1] || undefined;
  };
}
