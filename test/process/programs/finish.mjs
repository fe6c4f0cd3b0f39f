/** Ends by itself after work; with `dispose`, the tidy way. */
import { open } from './engine.mjs';

const engine = await open();
await engine.selfTest();
if (process.argv[2] === 'dispose') await engine.dispose();
console.log('done');
