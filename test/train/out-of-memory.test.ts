import { RuntimeError } from '../../lib/errors.js';
import { explainOutOfMemory, type MemoryFacts } from '../../lib/train/out-of-memory.js';

const full = new RuntimeError(
  'CUDA out of memory. Tried to allocate 2.00 GiB. If reserved but unallocated memory is large try setting x.; use smaller batches',
  { code: 'E_OUT_OF_MEMORY' },
);
const facts: MemoryFacts = { largest: null, parts: 1, device: 'cuda' };

test('the batch is named, and half of it where nothing is known to fit', () => {
  expect(explainOutOfMemory(full, { utterances: 32, seconds: 160.4 }, facts)).toMatchObject({
    code: 'E_OUT_OF_MEMORY',
    exitCode: 4,
    message: expect.stringMatching(
      /batch of 32 utterances \(160\.4 s of audio\).*GPU.*Tried to allocate 2\.00 GiB\.$/,
    ),
    cure: expect.stringMatching(/batch\.accumulate: 2.*batch\.size: 16, batch\.maxSeconds: 80.*nvidia-smi/),
    details: {
      batch: { utterances: 32, seconds: 160.4 },
      fits: { utterances: 16, seconds: 80, accumulate: 2 },
    },
    cause: full,
  });
});

test('what did fit is the measure of what will', () => {
  const largest = { utterances: 16, seconds: 100 };
  const error = explainOutOfMemory(
    full,
    { utterances: 16, seconds: 152 },
    { largest, parts: 4, device: 'cpu' },
  ) as RuntimeError;
  expect(error.message).toMatch(
    /computed in 4 parts.*the memory.*Batches of up to 100\.0 s of audio did fit/,
  );
  expect(error.details).toMatchObject({ fits: { seconds: 95, utterances: 10, accumulate: 8 } });
  expect(error.cure).not.toMatch(/nvidia-smi/);
});

test('one utterance cannot be split, and another failure is none of this', () => {
  const alone = explainOutOfMemory(full, { utterances: 1, seconds: 300 }, facts) as RuntimeError;
  expect(alone.message).toMatch(/1 utterance \(/);
  expect(alone.cure).toMatch(/one utterance by itself/);
  const other = new Error('something else');
  expect(explainOutOfMemory(other, { utterances: 1, seconds: 1 }, facts)).toBe(other);
});
