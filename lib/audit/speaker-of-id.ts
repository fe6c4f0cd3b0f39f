/** Who speaks, told from an utterance's id alone, in corpora whose file names say it: for a plan that comes without its corpus. */

import { voiceOfStem } from '../corpus/emobox/speakers.js';

/** Beside those of EmoBox. */
const PATTERNS: Record<string, RegExp> = {
  demo: /^([mf]\d+)-/,
  'msp-improv': /^MSP-IMPROV-S\d\d[A-Z]-([FM]\d\d)-/,
};

/** undefined where the corpus is not known, or the id is not one of its names. */
export function speakerOfId(corpus: string, id: string): string | undefined {
  return PATTERNS[corpus]?.exec(id)?.[1] ?? voiceOfStem(corpus, id)?.speaker;
}
