/** `ser-native doctor`. */

import type { Command } from 'commander';
import { ExitCode } from '../errors.js';
import { formatBytes } from '../format.js';
import { type DoctorReport, doctor } from '../runtime/doctor.js';
import { openTerminal, type Terminal } from './terminal.js';

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('print what a bug report needs; ends with exit code 4 when training could not run here')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => {
      const report = await doctor();
      process.stdout.write(
        flags.json ? `${JSON.stringify(report, null, 2)}\n` : render(report, openTerminal(process.stdout)),
      );
      if (!report.ok) process.exitCode = ExitCode.runtime;
    });
}

function describeGpu(gpu: DoctorReport['driver']['gpus'][number]): string {
  const facts = [
    gpu.capability === null ? '' : `compute capability ${gpu.capability}`,
    gpu.memoryBytes === null ? '' : formatBytes(gpu.memoryBytes),
    gpu.usedBytes === null ? '' : `${formatBytes(gpu.usedBytes)} in use`,
  ].filter((fact) => fact !== '');
  return facts.length === 0 ? gpu.name : `${gpu.name}, ${facts.join(', ')}`;
}

function describeCuda({ cuda }: DoctorReport, terminal: Terminal): string {
  if (cuda === null) return terminal.dim('variant not set up');
  const { libtorch, addon, gpu } = cuda;
  const state = addon.state === 'ready' ? terminal.green('ready') : addon.state;
  const trial =
    gpu === null ? '' : gpu.ok ? ` (${gpu.name ?? 'GPU'})` : ` (no GPU: ${gpu.reason ?? 'unknown'})`;
  return `LibTorch ${libtorch.version} in ${libtorch.dir}; addon ${state}${trial}`;
}

function render(report: DoctorReport, terminal: Terminal): string {
  const none = terminal.yellow('not found');
  const { libtorch, addon, cache } = report;
  const rows: [string, string][] = [
    ['ser-native', report.package],
    ['Node', report.node],
    ['system', `${report.system}${report.glibc === null ? '' : `, glibc ${report.glibc}`}`],
    [
      'CPU',
      `${report.cpu.model}, ${report.cpu.threads} threads, ${report.cpu.isa.join(' ') || 'no flags known'}`,
    ],
    ['memory', formatBytes(report.memoryBytes)],
    ['compiler', report.compiler ?? none],
    ['CMake', report.cmake ?? none],
    ['pip', report.pip ?? none],
    ['ffmpeg', report.ffmpeg ?? none],
    ['cache', `${cache.folder}${cache.freeBytes === null ? '' : `, ${formatBytes(cache.freeBytes)} free`}`],
    [
      'LibTorch',
      libtorch === null
        ? none
        : `${libtorch.version} ${libtorch.variant} in ${libtorch.dir} (${libtorch.origin})`,
    ],
    [
      'addon',
      addon.state === 'ready'
        ? `${terminal.green('ready')} (${addon.capability ?? 'unknown CPU'}) ${addon.file}`
        : addon.state,
    ],
    [
      'driver',
      report.driver.version === null ? terminal.dim('no NVIDIA driver') : `NVIDIA ${report.driver.version}`,
    ],
    ...report.driver.gpus.map((gpu, index): [string, string] => [`GPU ${index}`, describeGpu(gpu)]),
    ['nvcc', report.nvcc ?? terminal.dim('none; set-up of the CUDA variant fetches one')],
    ['CUDA', describeCuda(report, terminal)],
    ['computes on', report.computesOn === 'cuda' ? (report.cuda?.gpu?.name ?? 'GPU') : 'CPU'],
    ...Object.entries(report.environment),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${terminal.dim(name.padEnd(width))}  ${value}`);
  for (const { text, cure, blocking } of report.problems) {
    lines.push('', `${blocking ? terminal.red('problem') : terminal.yellow('note')} ${text}`, `  ${cure}`);
  }
  lines.push(
    '',
    report.ok
      ? terminal.green('Training can run here.')
      : terminal.red('Training cannot run here until the problems above are solved.'),
  );
  return `${lines.join('\n')}\n`;
}
