/** What a file holds, told from its bytes: extensions lie (`.wav` files that are MP3, Git LFS stubs, or web pages). */

export type AudioFormat = 'wav' | 'flac' | 'mp3' | 'ogg-vorbis' | 'ogg-opus' | 'ogg-flac' | 'other';

export interface Sniffed {
  format: AudioFormat;
  /** Where the stream starts: after an ID3v2 tag, if there is one. */
  start: number;
  /** Set when the bytes are recognisably no audio: what they are, and the cure. */
  notAudio?: { reason: string; cure?: string };
}

/** @param bytes the file, or at least its first 64 KiB */
export function sniffFormat(bytes: Uint8Array): Sniffed {
  const start = id3Length(bytes);
  const four = ascii(bytes, start, 4);
  if ((four === 'RIFF' || four === 'RF64' || four === 'BW64') && ascii(bytes, start + 8, 4) === 'WAVE') {
    return { format: 'wav', start };
  }
  if (four === 'fLaC') return { format: 'flac', start };
  if (four === 'OggS') return { format: oggCodec(bytes, start), start };
  if (isMpegAudio(bytes, start)) return { format: 'mp3', start };

  const head = ascii(bytes, 0, 64);
  if (head.startsWith('version https://git-lfs')) {
    return {
      format: 'other',
      start,
      notAudio: {
        reason: 'it is a Git LFS pointer, a few lines of text in place of the audio',
        cure: 'Run `git lfs pull` in the corpus folder to fetch the audio itself.',
      },
    };
  }
  if (/^\s*<(!doctype html|html|\?xml)/i.test(head)) {
    return {
      format: 'other',
      start,
      notAudio: {
        reason: 'it is a web page or XML text, probably a download that failed',
        cure: 'Download it again.',
      },
    };
  }
  return { format: 'other', start };
}

function ascii(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

/** Length of a leading ID3v2 tag (its size is stored in seven bits a byte), or 0. */
function id3Length(bytes: Uint8Array): number {
  if (bytes.length < 10 || ascii(bytes, 0, 3) !== 'ID3') return 0;
  const size = (bytes[6]! << 21) | (bytes[7]! << 14) | (bytes[8]! << 7) | bytes[9]!;
  const footer = (bytes[5]! & 0x10) !== 0 ? 10 : 0;
  const length = 10 + size + footer;
  return length < bytes.length ? length : 0;
}

/** The first page of an Ogg stream holds nothing but the codec's identification header. */
function oggCodec(bytes: Uint8Array, start: number): AudioFormat {
  const segments = bytes[start + 26] ?? 0;
  const packet = start + 27 + segments;
  if (ascii(bytes, packet, 7) === '\x01vorbis') return 'ogg-vorbis';
  if (ascii(bytes, packet, 8) === 'OpusHead') return 'ogg-opus';
  if (ascii(bytes, packet, 5) === '\x7fFLAC') return 'ogg-flac';
  return 'other';
}

/** kbit/s by index for the three layers of MPEG-1 and the two tables of MPEG-2 and 2.5. */
const BITRATES = {
  v1: {
    1: [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    2: [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  },
  v2: {
    1: [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    3: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  },
} as const;
const RATES = [44100, 48000, 32000];

/** Bytes of the MPEG audio frame whose header stands at `offset`, or 0 if none does. */
function mpegFrameLength(bytes: Uint8Array, offset: number): number {
  if (offset + 4 > bytes.length) return 0;
  const [b0, b1, b2] = [bytes[offset]!, bytes[offset + 1]!, bytes[offset + 2]!];
  if (b0 !== 0xff || (b1 & 0xe0) !== 0xe0) return 0;
  const version = (b1 >> 3) & 3; // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
  const layer = 4 - ((b1 >> 1) & 3); // 4 is the reserved code, which AAC in ADTS frames has
  const rateIndex = (b2 >> 2) & 3;
  if (version === 1 || layer === 4 || rateIndex === 3) return 0;
  const table = version === 3 ? BITRATES.v1 : BITRATES.v2;
  const kbps = table[layer as 1 | 2 | 3][b2 >> 4];
  if (!kbps) return 0;
  const rate = RATES[rateIndex]! / (version === 3 ? 1 : version === 2 ? 2 : 4);
  const padding = (b2 >> 1) & 1;
  if (layer === 1) return (Math.floor((12_000 * kbps) / rate) + padding) * 4;
  const samples = layer === 3 && version !== 3 ? 576 : 1152;
  return Math.floor((samples * 125 * kbps) / rate) + padding;
}

/** Two frames in a row: a single sync word turns up by chance in any data. Junk of up to 4 KiB may stand before. */
function isMpegAudio(bytes: Uint8Array, start: number): boolean {
  const end = Math.min(bytes.length, start + (start > 0 ? 4096 : 1));
  for (let at = start; at < end; at++) {
    const length = mpegFrameLength(bytes, at);
    if (length === 0) continue;
    if (at + length >= bytes.length - 4 || mpegFrameLength(bytes, at + length) > 0) return true;
  }
  return false;
}
