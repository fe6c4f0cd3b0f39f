/** The Python that has the peer's packages. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../runtime/run-command.js';

export const PEER_PACKAGES = ['torch', 'transformers', 'safetensors', 'numpy'];
/** Importing nothing: only what is installed is asked for. */
const CHECK_MS = 60_000;

export type FoundPython =
  | { program: string; versions: Record<string, string> }
  | { program: string; missing: string };

/** `asked`, else that of the active virtual environment, else python3. */
export function pythonProgram(asked: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  if (asked) return asked;
  if (env.VIRTUAL_ENV) {
    const candidates = ['bin/python', 'Scripts/python.exe'].map((path) => join(env.VIRTUAL_ENV!, path));
    const found = candidates.find((path) => existsSync(path));
    if (found) return found;
  }
  return 'python3';
}

/** Versions of Python and these packages there, or a sentence that says what is missing. */
export async function findPython(
  program: string,
  packages: readonly string[] = PEER_PACKAGES,
  signal?: AbortSignal,
): Promise<FoundPython> {
  const code = `
import importlib.metadata, json, platform
found = {"python": platform.python_version()}
for name in ${JSON.stringify(packages)}:
    try: found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError: found[name] = None
print(json.dumps(found))`;
  const result = await runCommand(program, ['-c', code], { timeoutMs: CHECK_MS, signal });
  if (result.status !== 0) {
    const why =
      result.startError ?? (result.stderr.trim().split('\n').at(-1) || `exit status ${result.status}`);
    return { program, missing: `${program} cannot be run (${why})` };
  }
  const versions = JSON.parse(result.stdout) as Record<string, string | null>;
  const missing = packages.filter((name) => versions[name] === null);
  if (missing.length > 0) return { program, missing: `${program} lacks ${missing.join(', ')}` };
  return { program, versions: versions as Record<string, string> };
}
