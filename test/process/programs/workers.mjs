/** Starts workers and ends them, or itself, in the way that is named. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { makeBusy, open } from './engine.mjs';

const start = (way) => new Worker(new URL('./worker.mjs', import.meta.url), { workerData: way });
/** Resolves to what the worker said first, how it failed, and its exit code. */
async function run(way) {
  const worker = start(way);
  let said;
  let failure;
  worker.once('message', (message) => {
    said = message;
  });
  worker.once('error', (error) => {
    failure = error.message;
  });
  const code = await new Promise((resolve) => worker.once('exit', resolve)); // once() would reject with its error
  return [said, failure, code].join(' ');
}

const scenarios = {
  /** Two at once, beside work of the main thread. */
  two: async () => {
    const engine = await open();
    const [first, second] = await Promise.all([run('work'), run('work'), engine.selfTest()]);
    return `${first}, ${second}`;
  },
  pending: () => run('pending'),
  exit: () => run('exit'),
  throw: () => run('throw'),
  /** The addon is loaded anew after each worker that had it alone. */
  terminate: async () => {
    for (let round = 0; round < 4; round++) {
      const worker = start('busy');
      await once(worker, 'message');
      await worker.terminate();
    }
    return run('work');
  },
  'terminate-early': async () => {
    for (let wait = 0; wait < 160; wait += 40) {
      const worker = start('busy');
      await once(worker, 'online');
      await new Promise((resolve) => setTimeout(resolve, wait));
      await worker.terminate();
    }
    return 'survived';
  },
  'main-exit': async () => {
    const workers = [start('busy'), start('busy')];
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    process.exit(5);
  },
  'main-and-worker-busy-exit': async () => {
    const worker = start('busy');
    await once(worker, 'message');
    await makeBusy(await open());
    process.exit(5);
  },
  'main-throw': async () => {
    await once(start('busy'), 'message');
    setTimeout(() => {
      throw new Error('thrown on purpose');
    });
  },
  'main-ends': async () => {
    const worker = start('busy');
    await once(worker, 'message');
    worker.unref();
    return 'left it behind';
  },
};

const result = await scenarios[process.argv[2]]();
if (result) console.log(result);
