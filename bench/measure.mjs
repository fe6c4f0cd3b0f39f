/** Medians and the machine they were measured on, for all benchmark programs of this folder. */
import { availableParallelism, cpus } from 'node:os';

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function machine() {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    node: process.versions.node,
    system: `${process.platform} ${process.arch}`,
  };
}

/** Prints a result as JSON, with the command that gave it. */
export function tell(result) {
  const command = `node ${process.argv
    .slice(1)
    .map((part) => part.replace(`${process.cwd()}/`, ''))
    .join(' ')}`;
  process.stdout.write(`${JSON.stringify({ command, machine: machine(), ...result }, null, 2)}\n`);
}
