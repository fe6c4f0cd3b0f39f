/** A stand-in for a Python with torch and transformers: answers the line protocol at once. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const VERSIONS = { torch: '0.0-fake', transformers: '0.0-fake', safetensors: '0.0', numpy: '0.0' };

const PEER = `
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
const [failing, ...args] = process.argv.slice(2);
const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
const eager = !args.includes('sdpa');
if (failing === 'start' && eager) { say({ error: 'ImportError: no such class' }); process.exit(1); }
writeFileSync(process.argv[1] + '.pid', String(process.pid));
say({ ready: true, torch: '0.0-fake' });
let steps = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.do === 'output') { writeFileSync(request.path, new Uint8Array(8)); say({ shape: [1, 2] }); }
  else if (request.do === 'memory') say({ peak: 2 ** 30 });
  else if (failing === 'step' && eager && ++steps > 1) process.exit(3);
  else say({ seconds: 0.5, frontEnd: 0.1 });
}
`;

/**
 * Writes the program and returns its path.
 *
 * @param failing what goes wrong with the variant that is not patched: nothing, its start, its second step
 */
export async function fakePython(
  folder: string,
  failing: 'never' | 'start' | 'step' = 'never',
): Promise<string> {
  const peer = join(folder, `peer-${failing}.mjs`);
  await writeFile(peer, PEER);
  const path = join(folder, `python-${failing}`);
  await writeFile(
    path,
    `#!/bin/sh\nif [ "$1" = -c ]; then echo '${JSON.stringify(VERSIONS)}'; else exec '${process.execPath}' '${peer}' ${failing} "$@"; fi\n`,
  );
  await chmod(path, 0o755);
  return path;
}
