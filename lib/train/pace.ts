/** How fast training goes, and how long it will take. */

/** Steps over which the momentary throughput is taken. */
const WINDOW = 20;

export class Pace {
  readonly #epochs: number;
  readonly #foldsAfter: number;
  readonly #started = performance.now();
  #last = performance.now();
  #recent: { seconds: number; audio: number }[] = [];
  #epochSeconds: number[] = [];
  #firstPosition: number | null = null;

  constructor(epochs: number, foldsAfter: number) {
    this.#epochs = epochs;
    this.#foldsAfter = foldsAfter;
  }

  /** A step has ended that covered so many seconds of audio. */
  step(audioSeconds: number): void {
    const now = performance.now();
    this.#recent.push({ seconds: (now - this.#last) / 1000, audio: audioSeconds });
    if (this.#recent.length > WINDOW) this.#recent.shift();
    this.#last = now;
  }

  /** An epoch has ended; its evaluation must not count as a slow first step of the next. */
  epoch(_epoch: number, seconds: number): void {
    this.#epochSeconds.push(seconds);
    this.#last = performance.now();
  }

  /** Seconds of audio trained per second. */
  get audioPerSecond(): number {
    const seconds = this.#recent.reduce((sum, entry) => sum + entry.seconds, 0);
    return seconds > 0 ? this.#recent.reduce((sum, entry) => sum + entry.audio, 0) / seconds : 0;
  }

  /** Seconds until this fold and the ones after it are done, from a position counted in epochs. */
  remaining(position: number): number {
    this.#firstPosition ??= position;
    const left = this.#epochs - position + this.#foldsAfter * this.#epochs;
    if (this.#epochSeconds.length > 0) {
      const mean = this.#epochSeconds.reduce((sum, value) => sum + value, 0) / this.#epochSeconds.length;
      return left * mean;
    }
    const done = position - this.#firstPosition;
    return done > 0 ? (left * (performance.now() - this.#started)) / 1000 / done : Number.NaN;
  }
}
