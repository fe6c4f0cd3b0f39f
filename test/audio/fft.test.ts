import { expect, test } from '@jest/globals';

import { Fft } from '../../lib/audio/fft.js';

test('the transform is the Fourier sum', () => {
  const n = 16;
  const values = Array.from({ length: n }, (_, i) => [Math.sin(i * i), Math.cos(3 * i)] as const);
  const real = Float64Array.from(values, ([re]) => re);
  const imaginary = Float64Array.from(values, ([, im]) => im);
  new Fft(n).transform(real, imaginary);
  for (let k = 0; k < n; k++) {
    let re = 0;
    let im = 0;
    values.forEach(([a, b], i) => {
      const angle = (-2 * Math.PI * k * i) / n;
      re += a * Math.cos(angle) - b * Math.sin(angle);
      im += a * Math.sin(angle) + b * Math.cos(angle);
    });
    expect(real[k]).toBeCloseTo(re, 10);
    expect(imaginary[k]).toBeCloseTo(im, 10);
  }
  expect(() => new Fft(12)).toThrow(RangeError);
});
