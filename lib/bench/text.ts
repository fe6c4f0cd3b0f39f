/** The result as tables for a terminal. */
import { formatBytes } from '../format.js';
import { type Column, fittedTable, printable } from '../text-layout.js';
import type {
  BenchPrecision,
  BenchResult,
  DeviceFacts,
  KernelTiming,
  PeerComparison,
  PeerResult,
  Quartiles,
  Roofline,
  Throughput,
} from './types.js';

const left = (title: string): Column => ({ title });
const right = (title: string): Column => ({ title, align: 'right' });

/** Three digits, whatever the size. */
const figure = (value: number): string =>
  value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 1
        ? value.toFixed(2)
        : value.toPrecision(2);
const percent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(0)} %`);
const times = (ratio: number | null): string => (ratio === null ? '' : `${ratio.toFixed(2)}x`);
const memory = (bytes: number | null): string => (bytes === null ? '–' : formatBytes(bytes));
const steps = ({ median, lower, upper }: Quartiles): string =>
  `${figure(median)} (${figure(lower)}–${figure(upper)})`;

export function describeDeviceText(device: DeviceFacts): string {
  const software = `LibTorch ${device.libtorch} (${device.capability}), Node ${device.node}`;
  if (device.kind === 'cuda') return `${device.name}, driver ${device.driver ?? 'unknown'}; ${software}`;
  return `${device.name} (${device.isa.join(' ')}), ${device.threads} of ${device.cores} threads; ${software}`;
}

export function describeRoofline({ copyBytesPerSecond, gemm }: Roofline): string {
  const products = (Object.entries(gemm) as [BenchPrecision, (typeof gemm)['fp32']][]).map(
    ([precision, rate]) =>
      `${precision} ${figure(rate!.flops / 1e12)} TFLOP/s (${rate!.rows} x ${rate!.inner} x ${rate!.columns}, ${rate!.way})`,
  );
  return `copies ${figure(copyBytesPerSecond / 1e9)} GB/s, products ${products.join(', ')}`;
}

const THROUGHPUT_COLUMNS = [
  right('audio-s/s'),
  right('ms a step (quartiles)'),
  right('TFLOP/s'),
  right('of peak'),
  right('peak memory'),
];

const throughputCells = (row: Throughput): string[] => [
  figure(row.audioSecondsPerSecond),
  steps(row.stepMilliseconds),
  figure(row.tflops),
  percent(row.shareOfPeak),
  memory(row.peakBytes),
];

export function renderBenchText(result: BenchResult): string {
  const lines = [
    `device    ${describeDeviceText(result.device)}`,
    `peak      ${describeRoofline(result.roofline)}`,
  ];
  const { loadBefore, cores } = result.device;
  if (loadBefore !== null && loadBefore > 0.5)
    lines.push(`machine   load ${loadBefore.toFixed(1)} on ${cores} cores before this run: it was shared`);
  if (result.measurements.length > 0) lines.push('', ...measurementTable(result));
  for (const comparison of result.peer?.comparisons ?? []) lines.push('', ...comparisonTable(comparison));
  if (result.peer) lines.push('', ...peerFacts(result.peer));
  if (result.kernels.length > 0) lines.push('', ...kernelTable(result.kernels));
  if (result.notes.length > 0) lines.push('', ...result.notes.map((note) => `note: ${printable(note)}`));
  return lines.join('\n');
}

function measurementTable({ measurements }: BenchResult): string[] {
  return fittedTable(
    [
      ...['encoder', 'task', 'precision', 'clips', 'batches'].map(left),
      right('batch'),
      ...THROUGHPUT_COLUMNS,
      right('GFLOP/audio-s'),
    ],
    measurements.map((row) => [
      printable(row.encoder),
      row.recipe === 'method' ? `${row.task}, method` : row.task,
      row.precision,
      row.lengths,
      row.batching,
      figure(row.batch),
      ...throughputCells(row),
      figure(row.gflopPerAudioSecond),
    ]),
    Infinity,
  );
}

function comparisonTable(comparison: PeerComparison): string[] {
  const { encoder, task, precision, lengths, batching, batch, paddedSeconds, rows } = comparison;
  const audio = rows[0]!.audioSeconds;
  return [
    `${printable(encoder)}, ${task}, ${precision}, ${lengths === 'iemocap' ? 'iemocap lengths' : `clips of ${lengths}`}, ${batching} batches of ${figure(batch)}: ${figure(audio)} s of audio, ${figure(paddedSeconds)} s with padding`,
    ...fittedTable(
      [
        left('program'),
        left('variant'),
        ...THROUGHPUT_COLUMNS,
        right('its time / ours'),
        right('our memory / its'),
      ],
      rows.map((row) => [
        row.program,
        `${row.variant}${!row.ours && row.isDefault ? ' (default)' : ''}`,
        ...throughputCells(row),
        times(row.ratio),
        row.memoryRatio === null ? '' : percent(row.memoryRatio),
      ]),
      Infinity,
    ),
  ];
}

function peerFacts({ versions, outputs }: PeerResult): string[] {
  const lines = [
    `peer      ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}; steps in turns, one program awake at a time`,
  ];
  for (const { encoder, precision, variant, cosine, maxDifference } of outputs) {
    lines.push(
      `output    ${printable(encoder)} ${precision} against ${variant}: cosine ${cosine.toFixed(6)}, largest difference ${maxDifference.toExponential(1)}`,
    );
  }
  return lines;
}

function kernelTable(kernels: readonly KernelTiming[]): string[] {
  const milliseconds = ({ median }: Quartiles) => figure(1000 * median);
  return fittedTable(
    [
      ...['operation', 'precision', 'size'].map(left),
      ...['forward ms', 'plain', 'faster', 'backward ms', 'plain', 'faster', 'difference'].map(right),
    ],
    kernels.map(({ name, precision, shape, forward, backward, difference }) => [
      name,
      precision,
      shape,
      milliseconds(forward.own),
      milliseconds(forward.plain),
      times(forward.speedUp),
      ...(backward
        ? [milliseconds(backward.own), milliseconds(backward.plain), times(backward.speedUp)]
        : ['', '', '']),
      difference === null ? '' : difference.toExponential(0),
    ]),
    Infinity,
  );
}
