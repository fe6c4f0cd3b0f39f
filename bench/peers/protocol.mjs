/** The line protocol of protocol.py, for processes of ours that are measured beside Python's. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Bytes resident now, of them mapped files, and the most so far; null where /proc is missing. */
export function memory() {
  const fields = { VmRSS: 'resident', RssFile: 'mapped', VmHWM: 'peak' };
  const found = {};
  try {
    for (const line of readFileSync('/proc/self/status', 'ascii').split('\n')) {
      const [name, rest] = line.split(':');
      if (fields[name]) found[fields[name]] = Number.parseInt(rest, 10) * 1024;
    }
  } catch {
    return null;
  }
  return found;
}

/** A benchmark that needs too much memory must cost nobody else theirs: the kernel ends this process first. */
function giveWayWhenMemoryRunsOut() {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Not Linux.
  }
}

/** Calls load(), which resolves to { facts, handlers }, and answers requests until the input ends. */
export async function serve(load) {
  const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
  const failed = (error) => {
    process.stderr.write(`${error?.stack ?? error}\n`);
    answer({ error: `${error?.code ?? error?.name ?? 'Error'}: ${error?.message ?? error}` });
  };
  giveWayWhenMemoryRunsOut();
  let loaded;
  try {
    loaded = await load();
  } catch (error) {
    failed(error);
    process.exitCode = 1;
    return;
  }
  answer({ ready: true, memory: memory(), ...loaded.facts });
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...request } = JSON.parse(line);
    try {
      answer(await loaded.handlers[name](request));
    } catch (error) {
      failed(error);
    }
  }
  await loaded.end?.();
}
