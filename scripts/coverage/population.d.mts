/** Types for the tests that draw from these populations. */
import type { Random } from '../../lib/random/philox.js';

export type Effects = 'normal' | 'skewed';
export interface Population {
  name: string;
  speakers: number;
  sizes: [low: number, high: number][];
  logits: number[];
}
export interface SimulatedSpeaker {
  recalls: Float64Array;
  sizes: number[];
  effect: number;
}
export const POPULATIONS: Population[];
export const EFFECTS: Effects[];
export function drawSpeaker(population: Population, effects: Effects, random: Random): SimulatedSpeaker;
export function errorShares(classes: number): number[][];
export function drawAnswers(speaker: SimulatedSpeaker, shares: number[][], random: Random): Float64Array;
export function addExpected(sums: Float64Array, speaker: SimulatedSpeaker, shares: number[][]): void;
export function drawPair(
  population: Population,
  effects: Effects,
  shift: number,
  random: Random,
): [SimulatedSpeaker, SimulatedSpeaker];
