/** Runs off its end while calls are under way: the event loop waits for them. */
import { open } from './engine.mjs';

const engine = await open();
for (let call = 1; call <= 3; call++) engine.selfTest().then(() => console.log(`call ${call}`));
process.on('exit', () => console.log('done'));
