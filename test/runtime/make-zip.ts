/** Writes zip archives for tests: deflated or stored entries, zip64 fields on request. */
import { writeFileSync } from 'node:fs';
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipInput {
  name: string;
  data: Buffer | string;
  stored?: boolean;
  /** Written into the directory instead of the real checksum. */
  crc?: number;
  mode?: number;
}

export function makeZip(
  path: string,
  inputs: ZipInput[],
  options: { zip64?: boolean; comment?: string } = {},
): void {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const input of inputs) {
    const data = Buffer.from(input.data);
    const packed = input.stored ? data : deflateRawSync(data);
    const name = Buffer.from(input.name);
    const crc = input.crc ?? crc32(data);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(input.stored ? 0 : 8, 8);
    local.writeUInt16LE(name.length, 26);
    // An extra field that only the local header has: its length must be read from there.
    const localExtra = Buffer.from([0x99, 0x99, 2, 0, 1, 2]);
    local.writeUInt16LE(localExtra.length, 28);
    parts.push(local, name, localExtra, packed);
    const extra = Buffer.alloc(options.zip64 ? 28 : 0);
    if (options.zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      extra.writeBigUInt64LE(BigInt(data.length), 4);
      extra.writeBigUInt64LE(BigInt(packed.length), 12);
      extra.writeBigUInt64LE(BigInt(offset), 20);
    }
    const big = 0xffffffff;
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(input.stored ? 0 : 8, 10);
    central.writeUInt32LE(crc, 16);
    central.writeUInt32LE(options.zip64 ? big : packed.length, 20);
    central.writeUInt32LE(options.zip64 ? big : data.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt16LE(extra.length, 30);
    central.writeUInt32LE(((input.mode ?? 0o644) << 16) >>> 0, 38);
    central.writeUInt32LE(options.zip64 ? big : offset, 42);
    directory.push(central, name, extra);
    offset += local.length + name.length + localExtra.length + packed.length;
  }
  const central = Buffer.concat(directory);
  const tail: Buffer[] = [];
  if (options.zip64) {
    const end64 = Buffer.alloc(56);
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(BigInt(inputs.length), 32);
    end64.writeBigUInt64LE(BigInt(central.length), 40);
    end64.writeBigUInt64LE(BigInt(offset), 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    locator.writeBigUInt64LE(BigInt(offset + central.length), 8);
    tail.push(end64, locator);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.zip64 ? 0xffff : inputs.length, 10);
  end.writeUInt32LE(options.zip64 ? 0xffffffff : central.length, 12);
  end.writeUInt32LE(options.zip64 ? 0xffffffff : offset, 16);
  end.writeUInt16LE(options.comment?.length ?? 0, 20);
  writeFileSync(path, Buffer.concat([...parts, central, ...tail, end, Buffer.from(options.comment ?? '')]));
}

/** Entries of a torch wheel that set-up accepts; `cuda` adds what a CUDA build has. */
export function torchWheelEntries(version: string, cuda = false): ZipInput[] {
  const [major, minor, patch] = version.split('.');
  const numbers = `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`;
  return [
    { name: 'torch/include/ATen/ATen.h', data: '#pragma once\n' },
    { name: 'torch/include/torch/csrc/api/include/torch/version.h', data: numbers },
    { name: 'torch/lib/libc10.so', data: 'c10' },
    { name: 'torch/lib/libtorch_cpu.so', data: 'cpu', mode: 0o755 },
    { name: 'torch/lib/libtorch_python.so', data: 'python' },
    { name: 'torch/nn/modules/linear.py', data: 'class Linear: ...' },
    { name: `torch-${version}.dist-info/licenses/LICENSE`, data: 'terms' },
    ...(cuda ? [{ name: 'torch/lib/libtorch_cuda.so', data: 'cuda' }] : []),
  ];
}
