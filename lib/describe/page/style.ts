/** What the page of a corpus needs beside the style sheet of the reports. */
export const CORPUS_STYLE = `
.meter{min-width:9rem;width:34%;text-align:left}
.meter i{display:block;height:.85rem;border-radius:2px;background:var(--blue);width:calc(100%*var(--share));min-width:1px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.warnings details{margin:.1rem 0}.warnings summary{padding:0}
.sources{text-align:left;white-space:normal;min-width:9rem;color:var(--soft);font-size:.85em}
.facts-list{width:auto}.facts-list td{text-align:left;white-space:normal;overflow-wrap:anywhere}
.facts-list th{font-weight:400;color:var(--soft);padding-left:0}
.box{fill:var(--sky);fill-opacity:.55;stroke:var(--blue);stroke-width:1.2}.whisker{stroke:var(--blue);stroke-width:1.2}.median{stroke:var(--ink);stroke-width:2}
.none{color:var(--faint)}.preferred th{font-weight:650}
.left{text-align:left!important;white-space:normal}.path{overflow-wrap:anywhere}
@media (max-width:680px){.meter{min-width:4rem}.chart{font-size:15px}.chart .tick,.chart .value{font-size:13.5px}}
`;
