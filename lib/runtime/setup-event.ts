/** What set-up tells while it works. */

export type SetupStage = 'download' | 'verify' | 'unpack' | 'configure' | 'compile' | 'probe';

export type SetupEvent =
  /** What will be done, once, before anything is done; empty when all is in place. */
  | { type: 'plan'; steps: string[] }
  | { type: 'stage'; stage: SetupStage; text: string }
  /** `unit` is bytes or compile steps; `total` is absent where it is not known. */
  | { type: 'progress'; stage: SetupStage; done: number; total?: number; unit: 'bytes' | 'steps' }
  | { type: 'note'; text: string }
  | { type: 'done'; seconds: number; text: string };

export type SetupListener = (event: SetupEvent) => void;
