/** Checkpoints as the hub has them (values of the released files, weights of a few bytes), and a hub to serve them. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const convolutions = {
  conv_dim: [512, 512, 512, 512, 512, 512, 512],
  conv_kernel: [10, 3, 3, 3, 3, 2, 2],
  conv_stride: [5, 2, 2, 2, 2, 2, 2],
  num_feat_extract_layers: 7,
  num_conv_pos_embeddings: 128,
  num_conv_pos_embedding_groups: 16,
  feat_extract_activation: 'gelu',
  hidden_act: 'gelu',
  layer_norm_eps: 1e-5,
  hidden_dropout: 0.1,
  attention_dropout: 0.1,
  feat_proj_dropout: 0.1,
  apply_spec_augment: true,
  mask_time_length: 10,
  mask_feature_length: 10,
  mask_feature_prob: 0.0,
};
const large = {
  hidden_size: 1024,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  intermediate_size: 4096,
  do_stable_layer_norm: true,
  feat_extract_norm: 'layer',
  layerdrop: 0.1,
};
const base = {
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  do_stable_layer_norm: false,
  feat_extract_norm: 'group',
};

/** microsoft/wavlm-base: has every field. */
export const WAVLM_BASE = {
  ...convolutions,
  ...base,
  model_type: 'wavlm',
  conv_bias: false,
  activation_dropout: 0.0,
  layerdrop: 0.05,
  mask_time_prob: 0.05,
  mask_time_min_masks: 2,
  mask_feature_min_masks: 0,
  num_buckets: 320,
  max_bucket_distance: 800,
  add_adapter: false,
};

/** facebook/wav2vec2-large-lv60: written by transformers 4.5, lacks the younger fields. */
export const WAV2VEC2_LARGE = {
  ...convolutions,
  ...large,
  model_type: 'wav2vec2',
  conv_bias: true,
  activation_dropout: 0.1,
  mask_time_prob: 0.05,
};

/** facebook/hubert-large-ls960-ft. */
export const HUBERT_LARGE = { ...WAV2VEC2_LARGE, model_type: 'hubert' };

export const SSL_INPUT = {
  do_normalize: false,
  feature_extractor_type: 'Wav2Vec2FeatureExtractor',
  feature_size: 1,
  padding_value: 0,
  return_attention_mask: true,
  sampling_rate: 16000,
};

/** openai/whisper-tiny.en. */
export const WHISPER_TINY = {
  model_type: 'whisper',
  num_mel_bins: 80,
  d_model: 384,
  encoder_layers: 4,
  encoder_attention_heads: 6,
  encoder_ffn_dim: 1536,
  max_source_positions: 1500,
  activation_function: 'gelu',
  scale_embedding: false,
  dropout: 0.0,
  attention_dropout: 0.0,
  activation_dropout: 0.0,
  encoder_layerdrop: 0.0,
};

export const WHISPER_INPUT = {
  feature_extractor_type: 'WhisperFeatureExtractor',
  feature_size: 80,
  sampling_rate: 16000,
  n_fft: 400,
  hop_length: 160,
};

/** Files of a model that can be pulled; the weights are large enough to be cut in the middle. */
export function wavlmFiles(): Record<string, Buffer> {
  return { ...wavlm };
}

/** Larger files are in another store than the hub's own. */
const LARGE = 2000;

/** Bytes that look like nothing else, the same every time. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = length;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
export const gitSha1 = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

const wavlm: Record<string, Buffer> = {
  'config.json': Buffer.from(JSON.stringify(WAVLM_BASE)),
  'preprocessor_config.json': Buffer.from(JSON.stringify(SSL_INPUT)),
  'model.safetensors': noise(300_000),
  'pytorch_model.bin': noise(1000),
  'README.md': Buffer.from('# WavLM'),
};

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

export interface Request {
  host: 'hub' | 'storage';
  path: string;
  range?: string;
  authorization?: string;
}

type Intercept = (request: Request, response: ServerResponse) => boolean;

/**
 * A hub on the loopback interface: model information, tree, and `resolve`, which sends what is larger than 2 kB on to a second
 * server, as the real one does.
 */
export class FakeHub {
  readonly models = new Map<string, { commit: string; files: Record<string, Buffer>; revisions: string[] }>();
  readonly requests: Request[] = [];
  /** Answers a request in the server's place when it returns true. */
  intercept: Intercept = () => false;
  /** The storage does as asked by `range`; some mirrors do not. */
  resumes = true;
  endpoint = '';
  readonly #hub: Server;
  readonly #storage: Server;

  private constructor() {
    this.#hub = createServer((request, response) => this.#answer('hub', request, response));
    this.#storage = createServer((request, response) => this.#answer('storage', request, response));
  }

  static async start(): Promise<FakeHub> {
    const hub = new FakeHub();
    for (const server of [hub.#hub, hub.#storage]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
    hub.endpoint = `http://127.0.0.1:${(hub.#hub.address() as AddressInfo).port}`;
    return hub;
  }

  add(id: string, files: Record<string, Buffer>, commit = COMMIT, revisions = ['main']): void {
    this.models.set(id, { commit, files, revisions: [...revisions, commit] });
  }

  /** Paths of files that were asked for, without the API's. */
  downloads(): string[] {
    return this.requests
      .filter(({ path }) => path.includes('/resolve/'))
      .map(({ path }) => path.split('/').at(-1)!);
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#storage].filter(({ listening }) => listening)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #answer(host: Request['host'], message: IncomingMessage, response: ServerResponse): void {
    const request: Request = {
      host,
      path: decodeURIComponent(new URL(message.url as string, 'http://x').pathname),
      range: message.headers.range,
      authorization: message.headers.authorization,
    };
    this.requests.push(request);
    if (this.intercept(request, response)) return;
    const api = request.path.match(/^\/api\/models\/(.+?)\/(revision|tree)\/(.+)$/);
    const file = request.path.match(/^\/(.+)\/resolve\/([^/]+)\/([^/]+)$/);
    if (host === 'storage') this.#store(request, response);
    else if (api) this.#describe(api[1]!, api[2]!, api[3]!, response);
    else if (file) this.#resolve(file[1]!, file[3]!, request, response);
    else refuse(response, 404);
  }

  #resolve(id: string, name: string, request: Request, response: ServerResponse): void {
    const content = this.models.get(id)?.files[name];
    if (!content) {
      refuse(response, 404, 'EntryNotFound');
    } else if (content.length <= LARGE) {
      this.#send(content, request, response);
    } else {
      const port = (this.#storage.address() as AddressInfo).port;
      response.writeHead(302, { location: `http://127.0.0.1:${port}/${id}/${name}?signature=1` });
      response.end();
    }
  }

  #describe(id: string, what: string, revision: string, response: ServerResponse): void {
    const model = this.models.get(id);
    if (!model?.revisions.includes(revision)) {
      refuse(response, 404, model ? 'RevisionNotFound' : 'RepoNotFound');
      return;
    }
    response.setHeader('content-type', 'application/json');
    if (what === 'revision') {
      response.end(
        JSON.stringify({
          _id: '1',
          id,
          sha: model.commit,
          private: false,
          gated: false,
          downloads: 1,
          likes: 1,
          lastModified: '2024-01-01T00:00:00.000Z',
        }),
      );
      return;
    }
    const tree = Object.entries(model.files).map(([path, content]) => ({
      type: 'file',
      path,
      oid: gitSha1(content),
      size: content.length,
      ...(content.length > LARGE && {
        lfs: { oid: sha256(content), size: content.length, pointerSize: 130 },
      }),
    }));
    response.end(JSON.stringify([{ type: 'directory', path: 'runs', oid: COMMIT, size: 0 }, ...tree]));
  }

  #store(request: Request, response: ServerResponse): void {
    const slash = request.path.lastIndexOf('/');
    const model = this.models.get(request.path.slice(1, slash));
    this.#send(model!.files[request.path.slice(slash + 1)]!, request, response);
  }

  #send(content: Buffer, { range }: Request, response: ServerResponse): void {
    const start = this.resumes ? Number(range?.match(/^bytes=(\d+)-/)?.[1] ?? 0) : 0;
    if (start > 0 && start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` });
      response.end();
      return;
    }
    const rest = content.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(start > 0 && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    response.end(rest);
  }
}

export function refuse(response: ServerResponse, status: number, code?: string): void {
  response.writeHead(status, { 'content-type': 'application/json', ...(code && { 'x-error-code': code }) });
  response.end(JSON.stringify({ error: code ?? 'no' }));
}
