/** A small WAV writer for tests: every sample format and every oddity that the reader must bear. */

export interface WavShape {
  sampleRate?: number;
  channels?: number;
  /** `u8`, `i16`, `i24`, `i32`, `f32`, `f64`. */
  type?: 'u8' | 'i16' | 'i24' | 'i32' | 'f32' | 'f64';
  /** WAVE_FORMAT_EXTENSIBLE with this many valid bits. */
  validBits?: number;
  /** Overrides the format tag. */
  tag?: number;
  root?: 'RIFF' | 'RF64' | 'BW64';
  before?: [id: string, body: Buffer][];
  after?: [id: string, body: Buffer][];
  /** Puts `data` in front of `fmt `. */
  dataFirst?: boolean;
  /** Overrides the size that the data chunk gives. */
  dataSize?: number;
  /** Leaves out the padding after chunks of odd size. */
  unpadded?: boolean;
}

const WIDTH = { u8: 1, i16: 2, i24: 3, i32: 4, f32: 4, f64: 8 };

/** @param frames interleaved samples, full scale 1 */
export function encodeWav(frames: ArrayLike<number>, shape: WavShape = {}): Buffer {
  const { type = 'i16', channels = 1, sampleRate = 16_000, root = 'RIFF' } = shape;
  const width = WIDTH[type];
  const data = Buffer.alloc(frames.length * width);
  for (let i = 0; i < frames.length; i++) writeSample(data, i * width, frames[i]!, type);

  const float = type.startsWith('f');
  const extensible = shape.validBits !== undefined;
  const fmt = Buffer.alloc(extensible ? 40 : 16);
  fmt.writeUInt16LE(shape.tag ?? (extensible ? 0xfffe : float ? 3 : 1), 0);
  fmt.writeUInt16LE(channels, 2);
  fmt.writeUInt32LE(sampleRate, 4);
  fmt.writeUInt32LE(sampleRate * channels * width, 8);
  fmt.writeUInt16LE(channels * width, 12);
  fmt.writeUInt16LE(width * 8, 14);
  if (extensible) {
    fmt.writeUInt16LE(22, 16);
    fmt.writeUInt16LE(shape.validBits!, 18);
    fmt.writeUInt16LE(float ? 3 : 1, 24);
    Buffer.from('000000001000800000aa00389b71', 'hex').copy(fmt, 26);
  }

  const large = root !== 'RIFF';
  const parts: Buffer[] = [];
  const add = (id: string, body: Buffer, size = body.length) => {
    const head = Buffer.alloc(8);
    head.write(id, 0, 'latin1');
    head.writeUInt32LE(size, 4);
    parts.push(head, body);
    if (body.length % 2 === 1 && !shape.unpadded) parts.push(Buffer.alloc(1));
  };
  if (large) {
    const ds64 = Buffer.alloc(28);
    ds64.writeBigUInt64LE(BigInt(data.length), 8);
    add('ds64', ds64);
  }
  const addData = () => add('data', data, shape.dataSize ?? (large ? 0xffffffff : data.length));
  if (shape.dataFirst) addData();
  for (const [id, body] of shape.before ?? []) add(id, body);
  add('fmt ', fmt);
  if (!shape.dataFirst) addData();
  for (const [id, body] of shape.after ?? []) add(id, body);
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(12);
  head.write(root, 0, 'latin1');
  head.writeUInt32LE(large ? 0xffffffff : body.length + 4, 4);
  head.write('WAVE', 8, 'latin1');
  return Buffer.concat([head, body]);
}

function writeSample(out: Buffer, at: number, value: number, type: NonNullable<WavShape['type']>): void {
  const integer = (scale: number) => Math.max(-scale, Math.min(scale - 1, Math.round(value * scale)));
  if (type === 'u8') out.writeUInt8(integer(128) + 128, at);
  else if (type === 'i16') out.writeInt16LE(integer(2 ** 15), at);
  else if (type === 'i24') out.writeIntLE(integer(2 ** 23), at, 3);
  else if (type === 'i32') out.writeInt32LE(integer(2 ** 31), at);
  else if (type === 'f32') out.writeFloatLE(value, at);
  else out.writeDoubleLE(value, at);
}

/** A tone at 16-bit steps, so that every deeper format holds it exactly. */
export function tone(samples: number, hertz = 440, sampleRate = 16_000, amplitude = 0.5): Float32Array {
  return Float32Array.from(
    { length: samples },
    (_, i) => (Math.round(amplitude * 32768 * Math.sin((2 * Math.PI * hertz * i) / sampleRate)) + 0) / 32768, // + 0: no -0
  );
}
