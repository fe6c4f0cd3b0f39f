/** The worker thread's side of the decode pool: one file in, samples or a reason out. */
import { parentPort } from 'node:worker_threads';
import { SerError } from '../errors.js';
import { AudioError } from './audio-error.js';
import { type DecodedFile, decodeFile } from './decode.js';

export interface DecodeRequest {
  path: string;
  timeoutMs?: number;
}

/** Errors lose their class between threads, so what rebuilds them is sent. */
export type DecodeReply =
  | { kind: 'decoded'; file: DecodedFile }
  | { kind: 'bad'; reason: string; code: string; cure?: string; transient: boolean }
  | { kind: 'failed'; message: string; code: string; cure?: string };

async function answer(request: DecodeRequest, signal: AbortSignal): Promise<DecodeReply> {
  try {
    return {
      kind: 'decoded',
      file: await decodeFile(request.path, { timeoutMs: request.timeoutMs, signal }),
    };
  } catch (error) {
    if (error instanceof AudioError) {
      const { reason, code, cure, transient } = error;
      return { kind: 'bad', reason, code, cure, transient };
    }
    const message = error instanceof Error ? error.message : String(error);
    const known = error instanceof SerError ? error : undefined;
    return { kind: 'failed', message, code: known?.code ?? 'E_DECODER_FAILED', cure: known?.cure };
  }
}

const port = parentPort;
if (port !== null) {
  const stop = new AbortController();
  port.on('message', (message: DecodeRequest | 'stop') => {
    if (message === 'stop') {
      // Ends a running ffmpeg, which would outlive the thread, and then the thread itself for want of work.
      stop.abort();
      port.close();
      return;
    }
    void answer(message, stop.signal).then((reply) => {
      port.postMessage(reply, reply.kind === 'decoded' ? [reply.file.samples.buffer] : []);
    });
  });
}
