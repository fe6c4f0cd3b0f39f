/** A machine made of shell scripts: its PATH has only the tools that a test puts there, its cache is a temporary folder. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeMachine {
  folder: string;
  cache: string;
  env: NodeJS.ProcessEnv;
  /** Puts a program on PATH, given as a shell script that uses absolute paths. */
  program(name: string, script: string): void;
  /** A compiler and a CMake that pretend to work; the addon they make is no library. */
  toolchain(): void;
  /** Everything in the cache, relative, sorted. */
  cached(): string[];
  remove(): void;
}

export function fakeMachine(): FakeMachine {
  const folder = mkdtempSync(join(tmpdir(), 'ser-machine-'));
  const bin = join(folder, 'bin');
  const cache = join(folder, 'cache');
  mkdirSync(bin);
  const machine: FakeMachine = {
    folder,
    cache,
    env: { PATH: bin, SER_CACHE: cache, HOME: folder, TMPDIR: folder },
    program(name, script) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    },
    toolchain() {
      machine.program('c++', 'echo "c++ (Debian 12.2.0-14) 12.2.0"');
      machine.program('make', 'echo "GNU Make 4.3"');
      machine.program(
        'cmake',
        `case "$1" in
  --version) echo "cmake version 3.25.1" ;;
  -E) echo '{"generators":[{"name":"Unix Makefiles"}]}' ;;
  --build) echo "[ 50%] Building"; /bin/mkdir -p "$2/Release" && echo "no library" > "$2/Release/ser_native.node"
    echo objects > "$2/libser_shared.a" ;;
  *) : > CMakeCache.txt; echo "$@" >> "$HOME/cmake.log" ;;
esac`,
      );
    },
    cached: () => {
      try {
        return readdirSync(cache, { recursive: true }).map(String).sort();
      } catch {
        return [];
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  return machine;
}

/** What cannot be hidden from a fake machine: the real one's driver and toolkit, found by their fixed paths. */
export const REAL_DRIVER = existsSync('/proc/driver/nvidia/version');
export const REAL_TOOLKIT = existsSync('/usr/local/cuda/bin/nvcc');

/** A `python3` whose pip answers `download` with a script; `$dest` is the folder asked for, `$last` the requirement. */
export function fakePip(machine: FakeMachine, download: string): void {
  machine.program(
    'python3',
    `shift 2
if [ "$1" = --version ]; then echo "pip 24.0 from /fake"; exit 0; fi
dest=
for last in "$@"; do [ "$previous" = --dest ] && dest="$last"; previous="$last"; done
${download}`,
  );
}
