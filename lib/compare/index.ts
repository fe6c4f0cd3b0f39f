/** Runs against each other. */
export {
  type ComparedRun,
  type CompareOptions,
  type Comparison,
  compareRuns,
  type RunAgainstFirst,
} from './compare-runs.js';
export { comparisonMeaning } from './comparison-meaning.js';
export { renderComparisonText } from './comparison-text.js';
