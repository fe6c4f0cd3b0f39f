/** What the published MSP-IMPROV holds (Busso et al. 2017, doi 10.1109/TAFFC.2016.2515617, tables 3 and 4): turns by consensus and scenario. */

import type { ScenarioCode } from './evaluation-file.js';

const TURNS: Record<ScenarioCode, Record<string, number>> = {
  P: { N: 1164, H: 1372, S: 66, A: 38 },
  R: { N: 241, H: 88, S: 80, A: 169 },
  S: { N: 1789, H: 1048, S: 633, A: 470 },
  T: { N: 283, H: 136, S: 106, A: 115 },
};

/** Turns of one scenario with a consensus for one of the four classes. */
export function publishedTurns(scenario: ScenarioCode, consensus: string): number {
  return TURNS[scenario][consensus]!;
}
