/** What is told while a model is fetched from the hub. */
export type PullEvent =
  /** Once, before anything large is fetched. */
  | {
      type: 'plan';
      /** `org/name@revision`. */
      source: string;
      commit: string;
      /** Where the files will lie. */
      directory: string;
      files: { name: string; bytes: number; cached: boolean }[];
      /** Still to be fetched, less what an earlier pull has left. */
      bytes: number;
    }
  /** Bytes of all files of the plan, fetched or already there. */
  | { type: 'progress'; name: string; done: number; total: number }
  /** A retry, a wait for another process. */
  | { type: 'note'; text: string }
  | { type: 'done'; source: string; directory: string; bytes: number; seconds: number };

export type PullListener = (event: PullEvent) => void;
