/** Ends in the way that is named while the engine is busy. */
import { makeBusy, open } from './engine.mjs';

const ways = {
  exit: () => process.exit(7),
  'exit-in-handler': () => {
    process.on('exit', () => engine.selfTest().catch(() => {}));
    process.exit(7);
  },
  throw: () => {
    setTimeout(() => {
      throw new Error('thrown on purpose');
    });
  },
  reject: () => {
    Promise.reject(new Error('rejected on purpose'));
  },
  'throw-handled': () => {
    process.on('uncaughtException', () => process.exit(9));
    setTimeout(() => {
      throw new Error('thrown on purpose');
    });
  },
  signal: () => console.log('ready'),
  'signal-handled': () => {
    process.on('SIGTERM', () => process.exit(143));
    process.on('SIGINT', () => process.exit(130));
    console.log('ready');
  },
  dispose: async () => {
    await engine.dispose();
    console.log('done');
  },
};

const engine = await open(2);
await makeBusy(engine);
await ways[process.argv[2]]();
