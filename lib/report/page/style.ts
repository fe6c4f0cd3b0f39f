/**
 * Style sheet of the page. Series colours are those of Okabe and Ito, which people with any colour vision tell apart, made
 * lighter on a dark ground; every series also has dashes of its own, for print and for those who see no colour.
 */
export const STYLE = `
:root{--ink:#1c2024;--soft:#5a646e;--faint:#67717b;--ground:#fff;--raised:#f5f6f8;--rule:#dfe3e8;--grid:#e6e9ed;
--blue:#0072b2;--vermillion:#c8500a;--green:#00805f;--purple:#a8508a;--sky:#3a94c8;--amber:#b87700;--grey:#6b747d;
--orange:#d98b00;--yellow:#a89600;--pink:#c0699a;--black:#1c2024;--invert:1;--heat:0,114,178;--wave:#c3c9d0;--warn:#fff5df;--warn-edge:#e0a100;--on-strong:#fff;--on-mid:var(--ink)}
@media (prefers-color-scheme:dark){:root{--ink:#e7eaee;--soft:#a8b1ba;--faint:#7d8790;--ground:#14171b;--raised:#1d2126;
--rule:#323840;--grid:#2a2f36;--blue:#5ab4ea;--vermillion:#ff8a4c;--green:#2fc79b;--purple:#e29ac6;--sky:#9ad4f5;
--amber:#eeb23c;--orange:#f0b030;--yellow:#f0e442;--pink:#e29ac6;--black:#e7eaee;--grey:#98a2ac;--invert:0;--heat:64,160,220;--wave:#4a525b;--warn:#2d2612;--warn-edge:#c99a1d;--on-strong:#06131c;--on-mid:#06131c}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:1000px;padding:2.2rem 1.4rem 4rem;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:2rem;line-height:1.2;margin:.1rem 0 .3rem;letter-spacing:-.015em;overflow-wrap:anywhere}
h1 span{color:var(--soft);font-weight:400}
h2{font-size:1.28rem;margin:3rem 0 .4rem;padding-top:.9rem;border-top:1px solid var(--rule);letter-spacing:-.01em}
h3{font-size:1rem;margin:1.4rem 0 .5rem}
.kicker{margin:0;color:var(--soft);font-size:.82rem;letter-spacing:.02em}
.facts,.note{color:var(--soft);font-size:.88rem;margin:.2rem 0 1rem;max-width:76ch}
.facts{max-width:none}.facts span{white-space:nowrap}
small{color:var(--soft);font-weight:400;font-size:.82em}
.mark-box,.warnings{border-left:4px solid var(--warn-edge);background:var(--warn);padding:.7rem 1rem;margin:.8rem 0;
border-radius:0 6px 6px 0;font-size:.92rem}
.mark-box{font-size:1rem;border-left-width:6px}.mark-box strong{font-size:1.08rem}
nav{display:flex;flex-wrap:wrap;gap:.15rem 1rem;margin:.9rem 0 0;font-size:.86rem}nav a,a{color:var(--blue);text-decoration:none}nav a:hover,a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
.warnings ul{margin:.25rem 0 0;padding-left:1.2rem}.warnings li{margin:.15rem 0;overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(3,1fr);gap:.8rem;margin:1.5rem 0 1.4rem}
.card{background:var(--raised);border-radius:10px;padding:.85rem 1.1rem .8rem;margin:0}
.card dt{color:var(--soft);font-size:.82rem}.card dd{margin:0;font-size:2rem;line-height:1.25;font-weight:650;letter-spacing:-.02em}
.card dd small{font-size:.95rem;letter-spacing:0}.card dd.what{font-size:.8rem;line-height:1.4;font-weight:400;color:var(--soft);letter-spacing:0}
.card.main{background:rgba(var(--heat),.12)}.card.main dd:first-of-type{color:var(--blue)}
.card.second{background:none;border:1px dashed var(--rule)}.card.second dd:first-of-type{color:var(--soft)}
.scroll{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.9rem}
th,td{padding:.34rem .6rem;text-align:right;white-space:nowrap;vertical-align:baseline}
thead th{color:var(--soft);font-weight:500;font-size:.82rem}
th[scope=row]{text-align:left;font-weight:500}
.figures{width:100%}.figures tbody th:first-child,.figures tfoot th:first-child,.figures thead tr:first-child th:first-child{text-align:left}
.figures thead tr:last-child th{border-bottom:1px solid var(--rule)}
.figures thead th[rowspan]{vertical-align:bottom;border-bottom:1px solid var(--rule)}
.figures th[colspan]{text-align:center}
.figures tfoot th,.figures tfoot td{border-top:1px solid var(--rule);font-weight:600}
.figures tbody tr:nth-child(even):not(.target){background:var(--raised)}
.headline .figures tbody tr.bestOnTest{background:none}
.figures .gap{padding-left:1.5rem}
.key{font-weight:650}.ci{display:block;font-weight:400;line-height:1.1}
.headline tr.selected{font-size:.95rem}.headline .figures th,.headline .figures td{padding-left:.4rem;padding-right:.4rem}.headline .figures .gap{padding-left:1rem}.many .fold{opacity:.4}.headline tr.bestOnTest,.headline tr.target,.headline tr.chance{color:var(--soft)}
.bestOnTest .key{font-weight:500}.headline tr.target th,.headline tr.target td{border-top:1px dashed var(--rule);font-style:italic}
.headline tr.target small{font-style:normal;display:block}
abbr{text-decoration:none;cursor:help}
.chart{display:block;width:100%;height:auto;overflow:visible;font-size:11.5px}
.chart.strip{margin:.6rem 0 1rem;max-width:860px}.chart.narrow{margin:.6rem 0;max-width:640px}
.short{font-size:1.04rem;max-width:80ch;margin:0 0 1.3rem}
.chart text{fill:var(--ink)}.chart .tick{fill:var(--faint);font-size:10.5px}.chart .label{fill:var(--soft)}.chart .value{fill:var(--soft);font-size:10.5px;paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}
.grid{stroke:var(--grid);stroke-width:1}
.mark{stroke:var(--faint);stroke-width:1;stroke-dasharray:3 3}.dotted{stroke-dasharray:1 3;stroke-width:1.6}
.band{stroke-width:10;opacity:.2}.mean{stroke-width:3}
.band.selected,.mean.selected{stroke:var(--blue)}.band.bestOnTest,.mean.bestOnTest{stroke:var(--vermillion)}
.fold{stroke:var(--ground);stroke-width:1.2}.fold.selected{fill:var(--blue)}.fold.bestOnTest{fill:none;stroke:var(--vermillion);stroke-width:1.6}
.bar{fill:var(--blue)}.bar.light{fill:var(--sky)}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.line.total{stroke:var(--ink);stroke-width:2.2}.line.kl{stroke:var(--green);stroke-dasharray:6 3}.line.focal{stroke:var(--purple);stroke-dasharray:1 4;stroke-width:2.4}
.line.center{stroke:var(--amber);stroke-dasharray:8 3 2 3}.line.supcon{stroke:var(--grey);stroke-dasharray:3 3}
.line.validation{stroke:var(--blue)}.line.test{stroke:var(--vermillion);stroke-dasharray:5 3}.line.training{stroke:var(--faint);stroke-width:1.3}
.dot.total{fill:var(--ink)}.dot.kl{fill:var(--green)}.dot.focal{fill:var(--purple)}.dot.center{fill:var(--amber)}.dot.supcon{fill:var(--grey)}
.dot.validation{fill:var(--blue)}.dot.test{fill:var(--vermillion)}.dot.training{fill:var(--faint)}
line.flag{stroke-width:1;opacity:.55}line.flag.bestOnTest{stroke-dasharray:3 3}
.flag.selected{stroke:var(--blue);fill:var(--blue)}.flag.bestOnTest{stroke:var(--vermillion)}path.flag.bestOnTest{fill:var(--ground)}
.wave{fill:var(--wave)}.weight{fill:var(--vermillion);fill-opacity:.28;stroke:var(--vermillion);stroke-width:1.4;stroke-linejoin:round}
.level{stroke:var(--ink);stroke-width:1;stroke-dasharray:4 3;opacity:.6}
.precision{fill:var(--ground);stroke:var(--ink);stroke-width:1.6}.area{fill:var(--sky);fill-opacity:.55;stroke:var(--blue);stroke-width:1.2}
.diagonal{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:4 3}.sure{fill:var(--ground);stroke:var(--ink);stroke-width:1.4}
.reliability{max-width:380px}
.frame{fill:none;stroke:var(--rule)}.place{font-size:11px;font-weight:600;paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}
.dots{fill:none;stroke-width:5;stroke-linecap:round;opacity:.8}.ring{fill:var(--ground);stroke-width:1.7}.ring.known{stroke-width:4.8}.plainring{stroke:var(--soft)}
.c0{stroke:var(--blue)}.c1{stroke:var(--orange)}.c2{stroke:var(--green)}.c3{stroke:var(--vermillion)}.c4{stroke:var(--sky)}.c5{stroke:var(--pink)}.c6{stroke:var(--yellow)}.c7{stroke:var(--black)}
.chooser{border:0;padding:0;margin:0;min-width:0}.chooser legend{float:left;padding:.2rem .8rem .2rem 0;font-size:.9rem;color:var(--soft)}
.chooser input{position:absolute;opacity:0;width:1px;height:1px}.chooser label{display:inline-block;min-width:2.2em;padding:.2rem .6rem;margin:0 .25rem .3rem 0;border:1px solid var(--rule);border-radius:6px;text-align:center;font-size:.9rem;cursor:pointer}
.chooser input:checked+label{background:var(--blue);border-color:var(--blue);color:var(--ground);font-weight:600}.chooser input:focus-visible+label{outline:2px solid var(--blue);outline-offset:2px}
.panes{clear:both}.panes>.pane{display:none;max-width:640px}.panes.one>.pane,
.chooser input:nth-of-type(1):checked~.panes>:nth-child(1),.chooser input:nth-of-type(2):checked~.panes>:nth-child(2),
.chooser input:nth-of-type(3):checked~.panes>:nth-child(3),.chooser input:nth-of-type(4):checked~.panes>:nth-child(4),
.chooser input:nth-of-type(5):checked~.panes>:nth-child(5),.chooser input:nth-of-type(6):checked~.panes>:nth-child(6),
.chooser input:nth-of-type(7):checked~.panes>:nth-child(7),.chooser input:nth-of-type(8):checked~.panes>:nth-child(8){display:block}
.deletion{max-width:640px;margin:.8rem 0}.verdict{max-width:76ch;font-size:1.02rem}
polyline.cut-highest{stroke:var(--vermillion);stroke-width:2.4}polyline.cut-random{stroke:var(--blue);stroke-dasharray:6 3}polyline.cut-loudest{stroke:var(--purple);stroke-dasharray:1 4;stroke-width:2.4}polyline.cut-lowest{stroke:var(--green);stroke-dasharray:8 3 2 3}
circle.cut-highest,.chart text.cut-highest{fill:var(--vermillion)}circle.cut-random,.chart text.cut-random{fill:var(--blue)}circle.cut-loudest,.chart text.cut-loudest{fill:var(--purple)}circle.cut-lowest,.chart text.cut-lowest{fill:var(--green)}
.over{fill:none;stroke:var(--vermillion);stroke-width:1.7;stroke-linejoin:round}.over.halo{stroke:var(--ground);stroke-opacity:.75;stroke-width:4}
.spectrogram{filter:invert(var(--invert))}audio{width:100%;height:32px;margin-top:.3rem}
.plain th{padding-left:0}.plain td{text-align:left}.list{font-size:.85rem;line-height:1.7}.list span{white-space:nowrap;margin-right:.9rem}
.clean,.leaky{margin:.4rem 0}.plainlist{font-size:.9rem}.plainlist ul{padding-left:1.2rem;margin:.3rem 0}
.thirds{display:grid;grid-template-columns:repeat(3,1fr);gap:1rem 1.6rem}
.columns{display:grid;grid-template-columns:1fr 1fr;gap:1rem 1.8rem;align-items:start}
.spots{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:1.2rem 1.6rem}
figure{margin:0}figcaption{font-size:.9rem;margin:0 0 .4rem}.pair{margin:1.3rem 0}.pair figcaption{font-weight:600}
.spot figcaption small{display:block;overflow-wrap:anywhere}
.badge{display:inline-block;width:1.3em;height:1.3em;line-height:1.3em;border-radius:50%;text-align:center;color:var(--ground);font-size:.8em}
.badge.right{background:var(--blue)}.badge.wrong{background:var(--vermillion)}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.82rem;color:var(--soft);margin:.4rem 0 .8rem}
.legend span{display:inline-flex;align-items:center;gap:.4rem;white-space:nowrap}.legend svg{width:26px;height:8px;overflow:visible}
.confusion th,.confusion td{padding:.3rem .5rem}.confusion thead th{vertical-align:bottom}
.confusion .down span{writing-mode:vertical-rl;transform:rotate(180deg);display:inline-block;text-align:left;line-height:1.1}
.confusion .down{text-align:center;padding-bottom:.4rem}
.confusion .axis th{padding-bottom:0;text-align:center}.confusion .corner{text-align:left}
.cell{width:3.1rem;min-width:2.5rem;text-align:center;border:2px solid var(--ground);background:rgba(var(--heat),calc(.03 + .97*var(--share)));
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.cell.mid{color:var(--on-mid)}.cell.strong{color:var(--on-strong)}.cell.zero{color:var(--faint)}.cell.right{font-weight:650}
.cell small{display:block;color:inherit;opacity:.82;font-size:.72rem;line-height:1.05;min-height:1.05em}
.confusion .gap{padding-left:1.2rem}
details{margin:.8rem 0}summary{cursor:pointer;color:var(--blue);font-size:.92rem;padding:.2rem 0}
pre{background:var(--raised);border-radius:8px;padding:.8rem 1rem;overflow-x:auto;font:.82rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.command{white-space:pre-wrap;overflow-wrap:anywhere}
.environment th{color:var(--soft);font-weight:400;padding-left:0}.environment th,.environment td{padding-top:.12rem;padding-bottom:.12rem}.environment td{text-align:left;white-space:normal;overflow-wrap:anywhere}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.groups h3:first-child{margin-top:0}
@media (min-width:900px){.beside{display:grid;grid-template-columns:640px 1fr;column-gap:2rem;align-items:start;grid-template-rows:auto auto auto 1fr}
.beside>h2,.beside>.verdict{grid-column:1/-1}.beside>.shown{grid-column:1;grid-row:2/span 3}.beside>.verdict~.shown{grid-row:3/span 2}.beside>.note,.beside>.legend{grid-column:2}}
@media (max-width:680px){body{padding:1.3rem .9rem 3rem}.cards,.columns,.thirds{grid-template-columns:1fr}.cards{gap:.5rem}
h1{font-size:1.6rem}.figures th,.figures td{padding:.34rem .4rem}.figures .gap{padding-left:.9rem}
.cell{width:2.3rem;min-width:2.3rem}.confusion th,.confusion td{padding:.28rem .3rem}.chart.strip{font-size:14px}.chart.strip .tick{font-size:14px}.chart.narrow,.deletion .chart{font-size:14px}.narrow .value,.narrow .tick,.deletion .tick{font-size:13px}.place{font-size:14px}}
@media print{:root{color-scheme:light;--ink:#1c2024;--soft:#4d565f;--faint:#5f6972;--ground:#fff;--raised:#f5f6f8;--rule:#cfd5db;--grid:#e0e4e8;
--blue:#0072b2;--vermillion:#c8500a;--green:#00805f;--purple:#a8508a;--sky:#3a94c8;--amber:#b87700;--grey:#6b747d;--orange:#d98b00;--yellow:#a89600;--pink:#c0699a;--black:#1c2024;
--invert:1;--heat:0,114,178;--wave:#c3c9d0;--warn:#fff5df;--warn-edge:#e0a100;--on-strong:#fff;--on-mid:var(--ink)}
@page{margin:14mm}.beside{display:block}body{max-width:none;padding:0 1px;font-size:10pt}nav,audio,.chooser>label,.chooser>legend,.config{display:none}
h2{margin-top:1.4rem;break-after:avoid}h3,figcaption,.legend,.note,.verdict,summary{break-after:avoid}.legend{break-inside:avoid}
.columns{grid-template-columns:1fr 1fr}.thirds,.spots{grid-template-columns:repeat(3,1fr)}.cards{grid-template-columns:repeat(3,1fr)}
.panes{display:grid;grid-template-columns:1fr 1fr;gap:.8rem}.panes>.pane,.chooser .panes>.pane{display:block}.panes.one{grid-template-columns:1fr}
figure,.cards,table,.chart,.note,.mark-box,.warnings,tr{break-inside:avoid}.scroll{overflow:visible}
.figures th,.figures td{padding:.2rem .26rem;font-size:8pt}.figures .gap{padding-left:.7rem}.figures small{font-size:6.5pt}.headline .figures th,.headline .figures td{padding:.2rem .16rem}.headline .figures .gap{padding-left:.5rem}.headline tr.selected{font-size:inherit}.short{font-size:10.5pt}
.card,.bar,.badge,.warnings,.mark-box,pre,.dots,.ring{print-color-adjust:exact;-webkit-print-color-adjust:exact}a{color:inherit}}
`;
