/** Requests to the Hugging Face hub: token, redirects, timeouts, retries, and what its refusals mean. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InterruptedError, RuntimeError, SerError, UsageError } from '../errors.js';
import { packageVersion } from '../runtime/version.js';
import { formatHubModel, type HubModel, hubHome, isOn } from './hub-cache.js';

const ENDPOINT = 'https://huggingface.co';
const MAX_REDIRECTS = 10;
const LONGEST_WAIT_MS = 60_000;

export interface HubOptions {
  /** Where HF_ENDPOINT, HF_TOKEN, HF_HOME and their kin are read. Default: the process's environment. */
  env?: NodeJS.ProcessEnv;
  /** A request is given up and tried again after so long without a byte. Default 30 s. */
  timeoutMs?: number;
  /** Tries of a request that fails for reasons that may pass. Default 5. */
  attempts?: number;
  /** Wait before the second try; doubles with every further one. Default 1 s. */
  retryDelayMs?: number;
}

/** A failure that may pass: worth another try. */
class Passing extends Error {
  readonly waitMs: number | undefined;

  constructor(message: string, options: { cause?: unknown; waitMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.waitMs = options.waitMs;
  }
}

/** An answer whose body is still under way; every chunk that is read puts the timeout off. */
export interface Answer {
  status: number;
  headers: Headers;
  /** The body as it comes; what it throws is for `retry` to judge. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Gives the connection up. */
  close(): void;
}

export class HubHttp {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly #model: HubModel;
  readonly #env: NodeJS.ProcessEnv;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;
  readonly #attempts: number;
  readonly #retryDelayMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onNote: (text: string) => void;

  private constructor(
    model: HubModel,
    token: string | undefined,
    options: HubOptions & { signal?: AbortSignal; onNote: (text: string) => void },
  ) {
    this.#model = model;
    this.#env = options.env ?? process.env;
    this.#token = token;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#attempts = options.attempts ?? 5;
    this.#retryDelayMs = options.retryDelayMs ?? 1000;
    this.#signal = options.signal;
    this.#onNote = options.onNote;
    this.endpoint = readEndpoint(this.#env);
  }

  static async open(
    model: HubModel,
    options: HubOptions & { signal?: AbortSignal; onNote: (text: string) => void },
  ): Promise<HubHttp> {
    return new HubHttp(model, await readToken(options.env ?? process.env), options);
  }

  /** For @huggingface/hub: fetches a small answer whole, so that a retry covers its body too. */
  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = input instanceof Request ? input.url : input;
    const headers = Object.fromEntries(new Headers(init?.headers));
    return await this.retry(`${this.endpoint} did not answer`, async () => {
      const answer = await this.#follow(new URL(url), headers);
      const chunks: Uint8Array[] = [];
      for await (const chunk of answer.chunks()) chunks.push(chunk);
      return new Response(Buffer.concat(chunks), { status: answer.status, headers: answer.headers });
    });
  };

  /** Opens a download; its body is the caller's to read, inside `retry`. */
  async open(url: string, headers: Record<string, string>): Promise<Answer> {
    return await this.#follow(new URL(url), headers);
  }

  /**
   * Runs `work` until it succeeds, fails for good, or has failed as often as is allowed without `progressed` saying that it
   * came further.
   */
  async retry<T>(failure: string, work: () => Promise<T>, progressed?: () => boolean): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      if (this.#signal?.aborted) throw pullStopped(this.#model);
      try {
        return await work();
      } catch (error) {
        if (this.#signal?.aborted) throw pullStopped(this.#model);
        // What the file system says does not pass; a `SerError` is final by design.
        if (error instanceof SerError || isFileError(error)) throw error;
        if (progressed?.()) attempt = 1;
        const reason = describe(error);
        if (attempt >= this.#attempts) throw this.#unreachable(`${failure}: ${reason}`, error);
        const doubled = this.#retryDelayMs * 2 ** (attempt - 1);
        const asked = error instanceof Passing ? error.waitMs : undefined;
        const wait = Math.min(LONGEST_WAIT_MS, asked ?? doubled);
        this.#onNote(`${failure} (${reason}); trying again in ${(wait / 1000).toFixed(1)} s`);
        await sleep(wait, undefined, { signal: this.#signal }).catch(() => {});
      }
    }
  }

  /** Follows redirects by hand: the token is for the hub alone, not for the hosts that it keeps large files on. */
  async #follow(start: URL, headers: Record<string, string>): Promise<Answer> {
    let url = start;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const own = url.origin === new URL(this.endpoint).origin;
      const answer = await this.#request(url, {
        // Compressed answers cannot be resumed, nor be counted against their size.
        'accept-encoding': 'identity',
        'user-agent': `ser-native/${packageVersion()}`,
        ...headers,
        ...(own && this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
      });
      const { status } = answer;
      const location = answer.headers.get('location');
      if (status >= 300 && status < 400 && location !== null) {
        answer.close();
        url = new URL(location, url);
        continue;
      }
      // 416 says that what is asked for lies beyond the end, which the caller has a use for.
      if ((status >= 200 && status < 300) || status === 416) return answer;
      answer.close();
      throw this.#refusal(url, own, status, answer.headers);
    }
    throw new RuntimeError(`${start} redirects more than ${MAX_REDIRECTS} times`, {
      code: 'E_HUB_HTTP',
      cure: 'Check HF_ENDPOINT.',
    });
  }

  async #request(url: URL, headers: Record<string, string>): Promise<Answer> {
    const stall = new AbortController();
    const arm = (): NodeJS.Timeout => setTimeout(() => stall.abort(), this.#timeoutMs).unref();
    let timer = arm();
    const close = (): void => {
      clearTimeout(timer);
      stall.abort();
    };
    const explain = (error: unknown): unknown =>
      stall.signal.aborted && !this.#signal?.aborted
        ? new Passing(`nothing came for ${this.#timeoutMs / 1000} s`, { cause: error })
        : error;
    let response: Response;
    try {
      const signal = this.#signal ? AbortSignal.any([this.#signal, stall.signal]) : stall.signal;
      response = await fetch(url, { headers, redirect: 'manual', signal });
    } catch (error) {
      clearTimeout(timer);
      throw explain(error);
    }
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of response.body ?? []) {
          clearTimeout(timer);
          timer = arm();
          yield chunk as Uint8Array;
        }
      } catch (error) {
        throw explain(error);
      } finally {
        clearTimeout(timer);
      }
    }
    return { status: response.status, headers: response.headers, chunks, close };
  }

  #refusal(url: URL, own: boolean, status: number, headers: Headers): Error {
    const { id, revision } = this.#model;
    if (status >= 500 || status === 408 || status === 429 || (!own && status === 403)) {
      // A 403 of another host: its signed address has run out; the next try gets a fresh one.
      const seconds = Number(headers.get('retry-after') ?? Number.NaN);
      return new Passing(`${url.host} answered ${status}`, {
        waitMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
      });
    }
    const said = headers.get('x-error-code');
    const page = `${this.endpoint}/${id}`;
    if (said === 'GatedRepo' || status === 403) {
      return new RuntimeError(`${id} is open only to those who were given access to it (${status})`, {
        code: 'E_HUB_ACCESS',
        cure: `Ask for access at ${page}, then set HF_TOKEN to a token of that account (or run \`hf auth login\`).`,
      });
    }
    if (status === 401 && this.#token !== undefined && said !== 'RepoNotFound') {
      return new RuntimeError(`${this.endpoint} does not accept the token that was sent (401)`, {
        code: 'E_HUB_ACCESS',
        cure: 'Set HF_TOKEN to a valid token, or unset it: public models need none.',
      });
    }
    if (said === 'RevisionNotFound') {
      return new UsageError(`${id} has no revision '${revision}'`, {
        code: 'E_HUB_NOT_FOUND',
        cure: `See ${page} for its branches and tags, or leave the revision out.`,
      });
    }
    // To those without a token the hub answers 401 for a model that does not exist as for one that is private.
    if (status === 401 || status === 404) {
      return new UsageError(`${this.endpoint} has no model ${formatHubModel(this.#model)} (${status})`, {
        code: 'E_HUB_NOT_FOUND',
        cure: 'Check the spelling of org/name and of the revision; if the model is private, set HF_TOKEN.',
      });
    }
    return new RuntimeError(`${url.host} answered ${status} to a request for ${id}`, {
      code: 'E_HUB_HTTP',
      cure: "Check HF_ENDPOINT, and whether a proxy answers in the hub's place.",
    });
  }

  #unreachable(message: string, cause: unknown): RuntimeError {
    const name = formatHubModel(this.#model);
    const env = this.#env;
    const proxy =
      (env.HTTPS_PROXY || env.https_proxy) && !isOn(env.NODE_USE_ENV_PROXY)
        ? ' Node heeds HTTPS_PROXY only with NODE_USE_ENV_PROXY=1 (from Node 22.21).'
        : '';
    return new RuntimeError(message, {
      code: 'E_HUB_UNREACHABLE',
      cure: `Try again later: what has arrived is kept. Without network, run \`ser-native pull ${name}\` on another machine and copy its HF_HOME, or name a folder that holds the checkpoint.${proxy}`,
      cause,
    });
  }
}

export function pullStopped(model: HubModel): InterruptedError {
  return new InterruptedError(`The download of ${formatHubModel(model)} was stopped.`, {
    code: 'E_INTERRUPTED',
    cure: 'What has arrived is kept; the same command goes on from there.',
  });
}

function readEndpoint(env: NodeJS.ProcessEnv): string {
  const endpoint = (env.HF_ENDPOINT || ENDPOINT).replace(/\/+$/, '');
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new UsageError(`HF_ENDPOINT must be an http(s) address, found '${env.HF_ENDPOINT}'`, {
      code: 'E_HUB_ENDPOINT',
      cure: `Set it to a mirror of the hub, or unset it for ${ENDPOINT}.`,
    });
  }
  return endpoint;
}

/** `$HF_TOKEN`, else what `hf auth login` has stored. */
async function readToken(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = (env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN)?.trim();
  if (named) return named;
  if (isOn(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const text = await readFile(env.HF_TOKEN_PATH || join(hubHome(env), 'token'), 'utf8').catch(() => '');
  return text.trim() || undefined;
}

/** An errno of a file operation; those of the network carry no path and no file's system call. */
function isFileError(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  return (
    typeof code === 'string' &&
    typeof syscall === 'string' &&
    /^(open|write|read|rename|unlink|mkdir|symlink|fsync|ftruncate|f?stat|copyfile)$/.test(syscall)
  );
}

/** fetch hides why it failed in its cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error) && typeof (error as { message?: unknown })?.message !== 'string') {
    return String(error);
  }
  const { message, cause } = error as Error;
  const inner = (cause as { message?: unknown } | undefined)?.message;
  return error instanceof Passing || typeof inner !== 'string' || inner === '' ? message : inner;
}
