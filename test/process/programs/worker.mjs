/** A worker that works, or ends in the way that is named while its engine is busy. */
import { parentPort, workerData } from 'node:worker_threads';
import { makeBusy, open } from './engine.mjs';

const engine = await open();
switch (workerData) {
  case 'work':
    for (let call = 0; call < 5; call++) await engine.selfTest();
    parentPort.postMessage('worked');
    break;
  case 'pending':
    engine.selfTest().then(() => parentPort.postMessage('worked'));
    break;
  default:
    await makeBusy(engine);
    parentPort.postMessage('busy');
    if (workerData === 'exit') process.exit(3);
    if (workerData === 'throw') throw new Error('thrown on purpose');
}
