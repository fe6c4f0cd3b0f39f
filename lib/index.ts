/** The public API of ser-native, and nothing that is not public. */
export type { LossWeights, ModelConfig } from '../bindings.js';
export { ablate } from './ablate/ablate.js';
export type { AblationRow, AblationTable } from './ablate/table.js';
export type { AblateEvent, AblateOptions, AblateResult } from './ablate/types.js';
export type { BadAudio, SampleStore, StoreEntry } from './audio/types.js';
export {
  type AuditedPlan,
  type AuditOptions,
  type AuditPlanOptions,
  type AuditReport,
  audit,
  auditPlan,
  type NearDuplicate,
} from './audit/index.js';
export {
  type BenchEvent,
  type BenchOptions,
  type BenchResult,
  bench,
  renderBenchText,
} from './bench/index.js';
export {
  type BundleEvent,
  type BundleOptions,
  type BundlePart,
  type BundleResult,
  bundle,
} from './bundle/index.js';
export {
  type ComparedRun,
  type CompareOptions,
  type Comparison,
  compareRuns,
  type RunAgainstFirst,
} from './compare/index.js';
export { checkConfig, resolveConfig } from './config/resolve.js';
export type { TrainConfig, TrainConfigInput } from './config/schema.js';
export { type WriteEmoBoxOptions, writeEmoBox } from './corpus/emobox-out.js';
export { corpusReaders, readCorpus } from './corpus/index.js';
export type { Corpus, CorpusOptions, Emotion, Utterance } from './corpus/types.js';
export { writeManifest } from './corpus/write-manifest.js';
export {
  type DescribeCorpusOptions,
  describeCorpus,
  type PrepareCorpusOptions,
  type PreparedCorpus,
  prepareCorpus,
} from './describe/describe-corpus.js';
export type { CorpusDescription, CorpusWarning, DescribeEvent, WarningKind } from './describe/types.js';
export { type ExportEncoderOptions, type ExportedEncoder, exportEncoder } from './encoder/export.js';
export {
  type EncodedUtterance,
  Encoder,
  type LoadEncoderOptions,
  loadEncoder,
} from './encoder/load-encoder.js';
export {
  DataError,
  DivergedError,
  ExitCode,
  InterruptedError,
  RuntimeError,
  SerError,
  UsageError,
} from './errors.js';
export {
  type ComparedEvaluations,
  type ConditionReport,
  compareEvaluations,
  type EvaluateEvent,
  type EvaluateOptions,
  type Evaluation,
  type EvaluationLine,
  type EvaluationResult,
  evaluateModel,
  writeEvaluation,
} from './evaluate/index.js';
export {
  type GroupPlan,
  loadPlan,
  planFolds,
  readPlan,
  stateByGroups,
  verifyPlan,
  writePlan,
} from './folds/index.js';
export type { Leak } from './folds/leaks.js';
export type { Fold, FoldPlan, Validation } from './folds/types.js';
export {
  type CurvePoint,
  type LearningCurve,
  type LearningCurveOptions,
  trainLearningCurve,
} from './learning-curve/index.js';
export {
  calibration,
  classScores,
  clusteredIntervals,
  fitTemperature,
  holm,
  type JudgedLine,
  type McNemar,
  marginsBySpeaker,
  mcnemar,
  type PairedFigure,
  type PairedTest,
  pairedTest,
  scores,
  temper,
} from './metrics/index.js';
export { eamLambda, planMix } from './mix/plan.js';
export type { MixCandidate, MixPlan, MixRow, MixSettings } from './mix/types.js';
export { frameAttention, mix, multiLoss } from './native/ops.js';
export {
  type FilePrediction,
  type Prediction,
  Predictor,
  type PredictorOptions,
} from './predict/predictor.js';
export {
  readPageInput,
  readReport,
  renderReportLatex,
  renderReportMarkdown,
  renderReportPage,
  renderReportText,
} from './report/index.js';
export type {
  Calibration,
  ClassScores,
  EpochLine,
  FoldReport,
  GroupScores,
  Interval,
  PooledScores,
  PredictionLine,
  ReportPageInput,
  RunReport,
  Scores,
  Selection,
} from './report/types.js';
export { listRuns } from './run-index/list-runs.js';
export type { ListRunsOptions, RunIndex, RunSummary } from './run-index/types.js';
export { doctor } from './runtime/doctor.js';
export { setup } from './runtime/setup.js';
export { train } from './train/train.js';
export type { TrainEvent, TrainOptions, TrainResult } from './train/types.js';
