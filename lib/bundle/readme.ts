/** What a person finds on top of an unpacked bundle. */

export interface ReadmeFacts {
  archive: string;
  folder: string;
  version: string;
  /** e.g. `v22.12.0 for linux-x64`; undefined where the bundle has no Node. */
  node?: string;
  /** Folders of encoders in it. */
  weights: readonly string[];
}

/** Asks a Python where its torch is. */
export const PYTHON_TORCH = `"$(python3 -c 'import torch; print(torch.__path__[0])')"`;

export function bundleReadme({ archive, folder, version, node, weights }: ReadmeFacts): string {
  const needs = [
    ...(node === undefined ? ['Node 20.19, 22.12 or newer (`node` on PATH)'] : []),
    'a C++ compiler (gcc 11 or clang 14, or newer), CMake 3.21 or newer, and make or ninja',
    'LibTorch 2.11 to 2.15: that of a Python with PyTorch, or an unpacked one',
    "for a GPU: NVIDIA's driver, a CUDA build of LibTorch and `nvcc` of the same major version (`CUDA_HOME` or PATH)",
  ];
  return `# ser-native ${version}, offline

What the program and its addon are made of. Nothing is fetched: the machine needs

${needs.map((line) => `- ${line}.`).join('\n')}

Three commands:

    tar -xf ${archive} && cd ${folder}
    ./ser-native setup --from ${PYTHON_TORCH}
    ./ser-native doctor

The second compiles the addon against the LibTorch of that Python (minutes) and tries it. Another LibTorch: \`--from FOLDER\`, its
folder with \`include\` and \`lib\`. It takes the GPU where driver and LibTorch have one; \`--variant cuda\` insists, \`--variant cpu\`
does without. The addon is kept in \`~/.cache/ser-native\`, or in \`SER_CACHE\`.

On a machine with a GPU \`scripts/gpu-check\` tests and measures all of it: docs/gpu.md.
${node === undefined ? '' : `\nNode ${node} is in \`bin\`; without it \`./ser-native\` takes the one on PATH.\n`}${
  weights.length === 0
    ? ''
    : `\nEncoders, for \`--encoder\`:\n\n${weights.map((name) => `- ${name}`).join('\n')}\n`
}`;
}

/** Starts the program from any working directory, with the bundle's Node where it has one. */
export const LAUNCHER = `#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 4
node=$here/bin/node
[ -x "$node" ] || node=node
exec "$node" "$here/dist/cli/main.js" "$@"
`;
