/**
 * TensorBoard's event files: TFRecords, each of one `Event` message of protocol buffers. Only what scalars need is written;
 * the fields and their numbers are those of `tensorflow/core/util/event.proto` and `framework/summary.proto`.
 */
import { maskedCrc32c } from './crc32c.js';

export interface ScalarEvent {
  /** Seconds since 1970. */
  wallTime: number;
  step: number;
  scalars: readonly (readonly [tag: string, value: number])[];
}

/** The record that an event file begins with. */
export function fileHeader(wallTime: number): Buffer {
  return record(Buffer.concat([double(1, wallTime), bytes(3, Buffer.from('brain.Event:2'))]));
}

/** One event of any number of scalars; a value that is not finite is kept as what it is. */
export function scalarRecord({ wallTime, step, scalars }: ScalarEvent): Buffer {
  const values = scalars.map(([tag, value]) =>
    bytes(1, Buffer.concat([bytes(1, Buffer.from(tag)), float(2, value)])),
  );
  return record(Buffer.concat([double(1, wallTime), whole(2, step), bytes(5, Buffer.concat(values))]));
}

/** Length (8 bytes), its masked CRC, the data, their masked CRC; numbers little-endian. */
function record(data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length));
  head.writeUInt32LE(maskedCrc32c(head.subarray(0, 8)), 8);
  const foot = Buffer.alloc(4);
  foot.writeUInt32LE(maskedCrc32c(data));
  return Buffer.concat([head, data, foot]);
}

/** Wire types of protocol buffers. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

const key = (field: number, wire: number) => varint(field * 8 + wire);

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  out.push(rest);
  return Buffer.from(out);
}

const whole = (field: number, value: number) => Buffer.concat([key(field, VARINT), varint(value)]);

const bytes = (field: number, data: Buffer) => Buffer.concat([key(field, LENGTH), varint(data.length), data]);

function double(field: number, value: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([key(field, FIXED64), data]);
}

function float(field: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([key(field, FIXED32), data]);
}
