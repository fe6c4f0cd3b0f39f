/** Reads an event file by its published format, apart from the code that writes it, and checks every CRC bit by bit. */

export interface DecodedEvent {
  wallTime: number;
  step: number;
  version?: string;
  scalars: Record<string, number>;
}

/** CRC-32C by long division, one bit at a time. */
function slowCrc(bytes: Uint8Array): number {
  let register = 0xffffffffn;
  for (const byte of bytes) {
    register ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++)
      register = register % 2n === 1n ? (register / 2n) ^ 0x82f63b78n : register / 2n;
  }
  return Number(register ^ 0xffffffffn);
}

function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

type Field = { number: number; value: bigint | Buffer };

/** The fields of a message in the wire format of protocol buffers. */
function fields(message: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(message[at++]!);
      value |= (byte & 127n) << shift;
      if (byte < 128n) return value;
    }
  };
  const take = (length: number) => {
    if (at + length > message.length) throw new Error('a field runs over the end of its message');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = Number(varint());
    const wire = key & 7;
    const number = key >> 3;
    if (wire === 0) found.push({ number, value: varint() });
    else if (wire === 1) found.push({ number, value: take(8) });
    else if (wire === 2) found.push({ number, value: take(Number(varint())) });
    else if (wire === 5) found.push({ number, value: take(4) });
    else throw new Error(`unknown wire type ${wire}`);
  }
  return found;
}

const only = (list: Field[], number: number) => list.find((field) => field.number === number)?.value;

function decodeEvent(data: Buffer): DecodedEvent {
  const event = fields(data);
  const version = only(event, 3) as Buffer | undefined;
  const summary = only(event, 5) as Buffer | undefined;
  const scalars: Record<string, number> = {};
  for (const { value } of summary ? fields(summary) : []) {
    const entry = fields(value as Buffer);
    scalars[(only(entry, 1) as Buffer).toString()] = (only(entry, 2) as Buffer).readFloatLE();
  }
  return {
    wallTime: (only(event, 1) as Buffer).readDoubleLE(),
    step: Number((only(event, 2) as bigint | undefined) ?? 0n),
    ...(version ? { version: version.toString() } : {}),
    scalars,
  };
}

export function decodeEvents(file: Buffer): DecodedEvent[] {
  const events: DecodedEvent[] = [];
  let at = 0;
  while (at < file.length) {
    const length = Number(file.readBigUInt64LE(at));
    const data = file.subarray(at + 12, at + 12 + length);
    if (unmask(file.readUInt32LE(at + 8)) !== slowCrc(file.subarray(at, at + 8)))
      throw new Error(`the CRC of the length at ${at} does not hold`);
    if (unmask(file.readUInt32LE(at + 12 + length)) !== slowCrc(data))
      throw new Error(`the CRC of the data at ${at} does not hold`);
    events.push(decodeEvent(data));
    at += 16 + length;
  }
  return events;
}
