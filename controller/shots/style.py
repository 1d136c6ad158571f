"""The look of report and shot sheet: light and dark, screen and paper. Text only; no font, no picture from outside."""

COLOURS = """
:root{--paper:#fbfbf9;--card:#fff;--ink:#16191d;--soft:#59616b;--rule:#d9dcd8;--grid:#e8eae6;--zone:#0090721f;
--c1:#0072b2;--c2:#d55e00;--c3:#009e73;--c4:#b0558f;--c5:#c98a00;--c6:#3b9fd4;
--pass:#00735a;--fail:#b23c00;--inconclusive:#8a6100;--aborted:#5b4a8a;--error:#a3123a;--on:#fff}
@media screen and (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1b1f23;--ink:#e9ebe8;--soft:#9aa3ab;
--rule:#353b41;--grid:#282d32;--zone:#2cc49a26;--c1:#58aef0;--c2:#f28a4f;--c3:#2cc49a;--c4:#e39cc8;--c5:#f0b840;
--c6:#9ad4f7;--pass:#35c79f;--fail:#ff8a57;--inconclusive:#f0b840;--aborted:#b3a2ea;--error:#ff7b9b;--on:#101214}}
"""

BASE = """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1060px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:26px;line-height:1.25;margin:2px 0 6px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:17px;margin:38px 0 10px;padding-bottom:5px;border-bottom:2px solid var(--ink)}
h3{font-size:14px;margin:20px 0 6px}
p{margin:6px 0}
.soft,.empty,figcaption .legend,dt,th{color:var(--soft)}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code,.mono{font:12.5px/1.45 ui-monospace,"Cascadia Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:14px}
th{font-weight:600;font-size:12.5px;text-align:left}
th.n{text-align:right}
th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--rule);vertical-align:top}
td:last-child,th:last-child{padding-right:0}
.wide td,.wide th{padding-right:13px}.wide td:nth-child(5){white-space:nowrap}
.wide td:first-child{min-width:215px}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(215px,1fr));gap:12px 22px;margin:16px 0}
dt{font-size:12.5px}dd{margin:0;overflow-wrap:anywhere}
figure{margin:14px 0 22px;background:var(--card);border:1px solid var(--rule);border-radius:6px;padding:12px 14px 8px}
figcaption{display:flex;flex-wrap:wrap;gap:2px 22px;font-size:14px;margin-bottom:4px}
.legend{display:flex;flex-wrap:wrap;gap:0 16px;font-size:13px}
.legend span{display:inline-flex;align-items:center;gap:6px;white-space:nowrap}
.key{width:26px;height:10px}
.plot{width:100%;height:auto;display:block}
svg text{font-size:12px;fill:var(--soft)}
svg text.t{font-size:12.5px;fill:var(--ink)}svg text.m{fill:var(--ink);font-weight:600;
paint-order:stroke;stroke:var(--card);stroke-width:4px}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round}
.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}.c5{stroke:var(--c5)}.c6{stroke:var(--c6)}
.grid{stroke:var(--grid)}.zero{stroke:var(--soft);stroke-width:.8}.axis{stroke:var(--soft)}
.gone{fill:var(--fail)}.odd{fill:none;stroke:var(--ink);stroke-width:1.6}
.mark{stroke:var(--ink);stroke-width:1;stroke-dasharray:4 3}
.v{display:inline-block;font-weight:700;white-space:nowrap}
.pass{color:var(--pass)}.fail{color:var(--fail)}.inconclusive{color:var(--inconclusive)}
.aborted{color:var(--aborted)}.error{color:var(--error)}
.badge{font-size:17px;padding:5px 16px;border-radius:5px;color:var(--on)}
.badge.pass{background:var(--pass)}.badge.fail{background:var(--fail)}.badge.inconclusive{background:var(--inconclusive)}
.badge.aborted{background:var(--aborted)}.badge.error{background:var(--error)}
.note{border-left:4px solid var(--inconclusive);padding:4px 12px;margin:8px 0;background:var(--card)}
"""

REPORT = """
header{display:grid;grid-template-columns:1fr auto;gap:6px 24px;align-items:start}
.verdict{text-align:right}
.outcome{font-size:16px;margin:10px 0 0}
.gauge{width:145px;height:20px;display:block}
.gauge .zone{fill:var(--zone)}.gauge .limit{stroke:var(--soft);stroke-width:1.2}.gauge .base{stroke:var(--rule)}
.gauge .here{fill:currentColor}.gauge .reach{stroke:currentColor;stroke-width:2}
.energy td:last-child{width:46%}
.bar{display:block;height:13px;margin-top:4px;background:var(--c1);border-radius:2px;min-width:1px}
.strip{display:flex;height:30px;border-radius:4px;overflow:hidden;margin:10px 0 4px;border:1px solid var(--rule)}
.strip span{display:block;overflow:hidden;white-space:nowrap;font-size:12px;
line-height:28px;padding:0 5px;color:var(--ink);
border-right:1px solid var(--paper);background:var(--grid);min-width:2px}
.strip span:nth-child(even){background:var(--rule)}
td.n,th.n{padding-right:24px}.wide td.n,.wide th.n{padding-right:12px}
details{margin:8px 0}summary{cursor:pointer;font-weight:600;padding:3px 0}
.two{display:grid;grid-template-columns:1fr 1fr;gap:0 34px}
pre{margin:6px 0;white-space:pre-wrap}
@media screen and (max-width:760px){main{padding:18px 14px 40px}table{display:block;overflow-x:auto}
figure{overflow-x:auto}.plot{min-width:680px}.strip{min-width:0}
.two{grid-template-columns:1fr}header{grid-template-columns:1fr}.verdict{text-align:left}}
@media print{@page{size:A4;margin:14mm}main{max-width:none;padding:0}body{background:#fff;font-size:11.5px}
table{font-size:11px}h2{margin-top:20px}figure,tr,.note{break-inside:avoid}h2,h3{break-after:avoid}
details::details-content{content-visibility:visible;display:block}
.badge,.bar,.strip span,.gauge{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

SHEET = """
@page{size:A4;margin:9mm}
body{background:#8a8f92;font-size:10.5px;line-height:1.3}
main{width:210mm;min-height:297mm;margin:18px auto;padding:9mm;background:#fff}
:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#16191d;--soft:#59616b;--rule:#cfd3cf;--grid:#e8eae6;--on:#fff;
--c1:#0072b2;--c2:#d55e00;--c3:#009e73;--c4:#b0558f;--c5:#c98a00;--c6:#3b9fd4;
--pass:#00735a;--fail:#b23c00;--inconclusive:#8a6100;--aborted:#5b4a8a;--error:#a3123a}
header{display:flex;justify-content:space-between;gap:8mm;border-bottom:2px solid var(--ink);padding-bottom:2.5mm}
h1{font-size:17px;margin:0}h2{font-size:11.5px;margin:2.6mm 0 .8mm;padding:0 0 .4mm;border-bottom:1px solid var(--ink)}
dl{grid-template-columns:repeat(4,1fr);gap:1mm 5mm;margin:2mm 0}dt{font-size:9px}
table{font-size:10px}th{font-size:9px}th,td,.wide td,.wide th{padding:.35mm 4mm .35mm 0}
.wide td:first-child{min-width:0}.note{margin:1mm 0;padding:.4mm 2mm}p{margin:1mm 0}code{font-size:9px}
.badge{font-size:14px;padding:1mm 4mm}.verdict{text-align:right}
figure{border:0;padding:0;margin:1mm 0}figcaption{font-size:10px;margin:0}.legend{font-size:9.5px}
.two{display:grid;grid-template-columns:1fr 1fr;gap:0 7mm}
.box{display:inline-block;width:3mm;height:3mm;border:1px solid var(--ink);margin-right:1.6mm;text-align:center;
font-size:9px;line-height:2.8mm;vertical-align:-.3mm}
ul{list-style:none;margin:0;padding:0}ul.many{columns:2}
.sign{display:grid;grid-template-columns:1fr 1fr 1fr;gap:8mm;margin-top:8mm}
.sign span{border-top:1px solid var(--ink);padding-top:.8mm;color:var(--soft);font-size:9px}
.hand{height:8mm;border-bottom:1px dotted var(--soft)}
@media print{body{background:#fff}main{margin:0;padding:0;width:auto;min-height:0}
.badge{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
