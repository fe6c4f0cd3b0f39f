/**
 * Arrays from the addon as arrays of the caller's realm. Node-API makes them in the realm of the main context; inside a vm
 * context, such as a test runner's, they would fail `instanceof Float32Array`. No element is copied.
 */
import type { Floats } from '../../bindings.js';

export function float32(array: Float32Array): Float32Array {
  return new Float32Array(array.buffer, array.byteOffset, array.length);
}

export function int32(array: Int32Array): Int32Array {
  return new Int32Array(array.buffer, array.byteOffset, array.length);
}

export function uint8(array: Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.length);
}

/** Of the precision that it has. */
export function floats<T extends Floats>(array: T): T {
  const Type = array.BYTES_PER_ELEMENT === Float64Array.BYTES_PER_ELEMENT ? Float64Array : Float32Array;
  return new Type(array.buffer as ArrayBuffer, array.byteOffset, array.length) as T;
}

/** All arrays of a record. */
export function eachFloats<T extends Record<string, Floats>>(arrays: T): T {
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, floats(array)])) as T;
}
