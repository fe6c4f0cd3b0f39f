import { median } from '../measure.mjs';

/** Of each precision the product with the highest median rate over the rounds of gemm.py, by name of the precision. */
export function bestRates(answers) {
  const best = {};
  answers[0].rates.forEach(({ precision, shape, way }, index) => {
    const gflops = median(answers.map(({ rates }) => rates[index].gflops));
    if (gflops > (best[precision]?.gflops ?? 0)) best[precision] = { gflops, shape, way };
  });
  return best;
}
