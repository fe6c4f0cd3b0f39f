/** The report of a run: as data, as a page, as Markdown, and for the terminal. */
export type { BuildReportInput, FoldResult } from './build-report.js';
export { buildReport } from './build-report.js';
export { renderReportPage } from './page/page.js';
export { renderSideBySidePage } from './page/side-by-side.js';
export type { PublishedTarget } from './published-targets.js';
export { publishedTarget, TARGET_SOURCE } from './published-targets.js';
export { readPageInput, readPredictions, readReport } from './read-run.js';
export { renderReportLatex } from './report-latex.js';
export { renderReportMarkdown } from './report-markdown.js';
export { renderReportText } from './report-text.js';
export type { NamedReport, SideBySide } from './side-by-side.js';
export { alone, readNamedReports, sideBySide } from './side-by-side.js';
export { renderSideBySideMarkdown, renderSideBySideText } from './side-by-side-text.js';
export { writeReport } from './write-report.js';
