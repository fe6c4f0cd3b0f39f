/** The addon loaded a second time in one env, as two copies of a package do: each has an engine thread of its own. */
import { createRequire } from 'node:module';
import { loadRaw } from './engine.mjs';

const first = await loadRaw();
const path = process.report.getReport().sharedObjects.find((file) => file.endsWith('.node'));
const second = createRequire(import.meta.url)(path);
const again = { exports: {} };
process.dlopen(again, path);
const addons = [...new Set([first, second, again.exports])];
for (const addon of addons) {
  addon.start({ threads: 1, device: 'cpu', deterministic: true });
  process.once('exit', () => addon.stop());
}
await Promise.all(addons.map((addon) => addon.selfTest()));
addons[0].stop();
await addons.at(-1).selfTest();
console.log(`${addons.length} instances`);
for (const addon of addons) addon.selfTest().catch(() => {});
process.exit(process.argv[2] === 'busy' ? 7 : 0);
