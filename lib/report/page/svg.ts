/** What the charts share: scales, axes, and a figure that screen readers can name. */
import { html, type Markup } from './html.js';

/** Linear map of [from, to] onto [start, end], in SVG units. */
export function scale(from: number, to: number, start: number, end: number): (value: number) => number {
  const slope = to === from ? 0 : (end - start) / (to - from);
  return (value) => round(start + (value - from) * slope);
}

/** A tenth of a unit is finer than a screen shows, and keeps the file small. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** An `svg` element with its title and description; `id` is unique in the page. `width` and `height` are its view box; it fills its container. */
export function chart(
  box: { id: string; width: number; height: number; title: string; description: string; kind?: string },
  content: Markup | Markup[],
): Markup {
  const { id } = box;
  return html`<svg class="chart ${box.kind ?? ''}" viewBox="0 0 ${box.width} ${box.height}" role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${box.title}</title><desc id="${id}-d">${box.description}</desc>${content}</svg>`;
}

/** Round numbers of which about `wanted` lie in [from, to]. */
export function ticks(from: number, to: number, wanted: number): number[] {
  const rough = (to - from) / Math.max(1, wanted);
  if (!(rough > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const found: number[] = [];
  for (let k = Math.ceil(from / step); k * step <= to * (1 + 1e-9); ++k) {
    found.push(Number((k * step).toPrecision(12)));
  }
  return found;
}

/** Points as the `points` of a polyline; what is not finite leaves a gap, hence several lines. */
export function polylines(points: readonly (readonly [number, number])[], kind: string): Markup[] {
  const runs: (readonly [number, number])[][] = [[]];
  for (const point of points) {
    if (Number.isFinite(point[1])) runs.at(-1)!.push(point);
    else runs.push([]);
  }
  return runs
    .filter((run) => run.length > 0)
    .map((run) =>
      run.length === 1
        ? html`<circle class="dot ${kind}" cx="${run[0]![0]}" cy="${run[0]![1]}" r="2"/>`
        : html`<polyline class="line ${kind}" points="${run.map(([x, y]) => `${x},${y}`).join(' ')}"/>`,
    );
}

/** A name that must not run out of its place; the whole of it belongs into a title. */
export function shorten(name: string, most: number): string {
  return name.length > most ? `${name.slice(0, most - 1)}\u2026` : name;
}
