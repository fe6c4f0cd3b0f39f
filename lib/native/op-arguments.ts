/** Checks of what the ops are given, in the terms of their own arguments. */
import type { Floats } from '../../bindings.js';
import { UsageError } from '../errors.js';

/** A `UsageError` of the shape that all argument errors here have. */
export function argumentError(name: string, expected: string, found: unknown): UsageError {
  return new UsageError(`${name} must be ${expected}, found ${describe(found)}`, { code: 'E_ARGUMENT' });
}

function describe(value: unknown): string {
  if (ArrayBuffer.isView(value)) {
    return `${typeName(value)} of ${(value as { length?: number }).length ?? value.byteLength}`;
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}...` : value}'`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/** By its brand: `instanceof` fails for arrays of another realm. */
export function typeName(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

export function isFloats(value: unknown): value is Floats {
  const name = typeName(value);
  return name === 'Float32Array' || name === 'Float64Array';
}

/** The argument of an op, which is one object. */
export function checkObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw argumentError(name, 'an object', value);
}

/** That all of these are Float32Array or all Float64Array; absent ones are passed over. */
export function checkFloats(arrays: Record<string, unknown>, optional: readonly string[] = []): void {
  let first: { name: string; type: string } | undefined;
  for (const [name, array] of Object.entries(arrays)) {
    if (array === undefined && optional.includes(name)) continue;
    if (!isFloats(array)) throw argumentError(name, 'a Float32Array or a Float64Array', array);
    first ??= { name, type: typeName(array) };
    if (typeName(array) !== first.type)
      throw argumentError(name, `a ${first.type}, as ${first.name} is`, array);
  }
}

/** That an array has `rows` x `columns` elements. */
export function checkSize(name: string, array: { length: number }, shape: string, expected: number): void {
  if (array.length !== expected) throw argumentError(name, `of ${shape} = ${expected} elements`, array);
}

export function checkInteger(
  name: string,
  value: unknown,
  low: number,
  high = Number.MAX_SAFE_INTEGER,
): void {
  if (!Number.isSafeInteger(value) || (value as number) < low || (value as number) > high) {
    const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `in ${low}..${high}`;
    throw argumentError(name, `an integer ${range}`, value);
  }
}
