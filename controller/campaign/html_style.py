"""The look and the behaviour of the campaign's page: everything is inside the one file, nothing is fetched."""

CSS = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1a2230;--dim:#5b6678;--line:#d5dae2;--soft:#eef1f5;
--pass:#dcf1e3;--pass-ink:#17693a;--fail:#c62828;--bad:#b71c1c;--fail-ink:#fff;--na:#eceff3;--na-ink:#5f6b7d;--accent:#1f5fbf;
--warn:#8a5a00;--head:#e6eaf0;--shadow:0 1px 3px rgb(20 30 50/.12)}
@media(prefers-color-scheme:dark){:root{--bg:#12161d;--card:#1a202a;--ink:#e7ecf3;--dim:#a2aebf;--line:#323c4a;
--soft:#202733;--pass:#16382a;--pass-ink:#7fe0a7;--fail:#d4373c;--bad:#ff7a7d;--fail-ink:#fff;--na:#222935;--na-ink:#98a5b8;
--accent:#7db2ff;--warn:#f0b84a;--head:#252d3a;--shadow:none}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif;
padding-bottom:11rem}
main,header{max-width:96rem;margin:0 auto;padding:0 1.25rem}
h1{font-size:1.55rem;margin:0;padding-top:1.6rem}
h2{font-size:1.15rem;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:0}
p{margin:.3rem 0}
.facts{color:var(--dim)}
.facts code{color:var(--ink)}
code,.id{font-family:ui-monospace,"Cascadia Mono",Menlo,Consolas,monospace;font-size:.88em}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem;margin:1rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.6rem 1rem;min-width:7.5rem;
box-shadow:var(--shadow)}
.tile b{display:block;font-size:1.6rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{color:var(--dim);font-size:.85rem}
.tile.verdict{border-left:.45rem solid var(--pass-ink)}
.tile.verdict.bad{border-left-color:var(--fail)}
.tile.verdict.short{border-left-color:var(--warn)}
.tile.bad b{color:var(--bad)}
.tile.call{max-width:30rem}
.share{display:flex;gap:2px;height:.55rem;border-radius:.3rem;overflow:hidden;background:var(--soft)}
.share i{min-width:0;flex-basis:0}
.share .P{background:var(--pass-ink)}
.share .F{background:var(--fail);min-width:.4rem}
.share .N{background:var(--line)}
nav{display:flex;flex-wrap:wrap;gap:.4rem;margin:.8rem 0}
nav a{color:var(--accent);text-decoration:none;border:1px solid var(--line);background:var(--card);
border-radius:2rem;padding:.15rem .75rem}
nav a .n{color:var(--bad);font-weight:700}
nav a:hover{border-color:var(--accent)}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;box-shadow:var(--shadow)}
ol.failures{list-style:none;margin:0;padding:.1rem;display:grid;gap:.6rem;max-height:70vh;overflow:auto;
grid-template-columns:repeat(auto-fill,minmax(min(40rem,100%),1fr))}
ol.failures li{padding:.7rem 1rem;border-left:.45rem solid var(--fail)}
.replay{display:flex;gap:.6rem;align-items:center;margin-top:.3rem;flex-wrap:wrap}
.replay code{background:var(--soft);border-radius:.3rem;padding:.15rem .5rem;overflow-wrap:anywhere}
button{font:inherit;font-size:.85rem;color:var(--accent);background:var(--card);border:1px solid var(--line);
border-radius:.35rem;padding:.1rem .6rem;cursor:pointer}
.bar{display:flex;flex-wrap:wrap;gap:1.2rem;align-items:center;color:var(--dim);margin:1.2rem 0 .6rem}
.key{display:inline-flex;gap:.35rem;align-items:center}
.key i{font-style:normal;width:1.5rem;text-align:center;border-radius:.25rem;line-height:1.4rem}
.scroll{overflow:auto;max-height:85vh;width:fit-content;max-width:100%}
table{border-collapse:separate;border-spacing:0;font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:left}
.matrix{font-size:.85rem}
.matrix thead th{position:sticky;z-index:2;background:var(--head);text-align:center;padding:.3rem .2rem;
border-left:1px solid var(--line)}
.matrix thead tr:first-child th{top:0;height:2rem}
.matrix thead tr:nth-child(2) th{top:2rem;font-weight:400;color:var(--dim);border-bottom:1px solid var(--line);
border-left:0;padding:.05rem 0}
.matrix thead tr:nth-child(2) th.first{border-left:1px solid var(--line)}
.matrix thead .corner{left:0;z-index:4;text-align:left;padding:.3rem .7rem;border-left:0}
.matrix tbody th{position:sticky;left:0;z-index:1;background:var(--card);padding:.15rem .7rem;white-space:nowrap;
border-right:1px solid var(--line);font-weight:400}
.matrix tr.group th{border-right:0;font-weight:600;padding-top:.5rem;z-index:0}
.matrix tr.group th span{position:sticky;left:.7rem}
.matrix tr.group th,.matrix tr.group td{border-top:1px solid var(--line)}
.matrix tr.has-fail th .id,.matrix .has-fail tr.group th{color:var(--bad);font-weight:700}
.matrix td{width:1.55rem;min-width:1.55rem;height:1.55rem;text-align:center;padding:0;cursor:default;line-height:1}
.matrix td.first{border-left:1px solid var(--line)}
.matrix .sum{position:sticky;right:0;z-index:1;background:var(--card);padding:0 .7rem;text-align:right;
white-space:nowrap;border-left:1px solid var(--line)}
.matrix thead th.sum{z-index:4;text-align:right;padding:.3rem .7rem}
.matrix td.sum{color:var(--dim);font-size:.92em}
.matrix tr.group td.sum{padding-top:.35rem;color:var(--ink)}
.matrix tr.has-fail td.sum,.matrix .has-fail tr.group td.sum{color:var(--bad);font-weight:700}
.P{background:var(--pass);color:var(--pass-ink)}
.F{background:var(--fail);color:var(--fail-ink);font-weight:700}
.N{background:var(--na);color:var(--na-ink)}
.matrix td[data-c]{box-shadow:inset 0 0 0 1px var(--card)}
.matrix td[data-c]:hover{box-shadow:inset 0 0 0 2px var(--ink)}
:focus-visible{outline:3px solid var(--accent);outline-offset:-2px}
body.only-failed .matrix tbody:not(.has-fail),body.only-failed .matrix tr[data-row]:not(.has-fail){display:none}
body.only-failed section.profile:not(.has-fail){display:none}
.list{width:100%;font-size:.9rem}
.list th,.list td{padding:.35rem .7rem;border-top:1px solid var(--line);vertical-align:top;text-align:left}
.list thead th{border-top:0;position:sticky;top:0;background:var(--head);z-index:1;white-space:nowrap}
.list td.num,.list th.num{text-align:right;white-space:nowrap}
.list .fails{color:var(--bad)}
.list .what{min-width:15rem;width:50%}
.list .result{min-width:13rem;width:22%}
.list .result .share{margin:.35rem 0 .3rem}
.list .call{white-space:nowrap}
.sub{display:block;color:var(--dim);font-size:.88em}
.sub.id{font-size:.8em;overflow-wrap:anywhere}
.meter{display:inline-block;width:6rem;height:.55rem;border-radius:.3rem;background:var(--soft);
border:1px solid var(--line);overflow:hidden;vertical-align:middle;margin-right:.5rem}
.meter i{display:block;height:100%;background:var(--pass-ink)}
#why{position:fixed;left:0;right:0;bottom:0;background:var(--card);border-top:2px solid var(--accent);
padding:.6rem 1.25rem;min-height:4.4rem;max-height:40vh;overflow:auto;box-shadow:0 -3px 12px rgb(0 0 0/.18);z-index:9}
#why>div{max-width:93.5rem;margin:0 auto}
#why span.facts{margin-right:1.2rem;white-space:nowrap;display:inline-block}
.pill{border-radius:.3rem;padding:.05rem .5rem;margin-right:.5rem}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.3rem .8rem;z-index:20}
@media(max-width:40rem){
.matrix tbody tr[data-row] th{white-space:normal;overflow-wrap:anywhere;min-width:8.5rem;max-width:8.5rem;
padding:.15rem .4rem;line-height:1.15}.matrix .sum{position:static}.matrix thead th.sum{position:sticky;right:auto}
main,header{padding:0 .7rem}h1{padding-top:1rem}.tiles{display:grid;grid-template-columns:1fr 1fr;gap:.5rem}
.tile{min-width:0;padding:.5rem .7rem}.tile b{font-size:1.3rem}.tile.call{grid-column:1/-1}
.tile code{overflow-wrap:anywhere}#why span.facts{white-space:normal}
#hazards td{display:block;width:auto;min-width:0;border-top:0;padding-top:.1rem}#hazards thead{display:none}
#hazards td:first-child{border-top:1px solid var(--line);padding:.5rem .5rem 0;color:var(--dim)}
nav{flex-wrap:nowrap;overflow-x:auto;padding-bottom:.3rem}nav a{white-space:nowrap}.bar{gap:.7rem}
#why{padding:.5rem .7rem;max-height:45vh}.list th,.list td{padding:.35rem .5rem}}
@media print{#why,nav,.bar label,button{display:none}.scroll{max-height:none;overflow:visible}body{padding:0}}
"""

SCRIPT = """
'use strict';
const D=JSON.parse(document.getElementById('data').textContent),why=document.getElementById('why');
const S=D.strings,NAMES={P:'passed',F:'failed',N:'not applicable'};
const text=(tag,words,kind)=>{const e=document.createElement(tag);e.textContent=words;e.className=kind||'';return e};
const ms=v=>v==null?null:v<10?(+v.toFixed(1))+' ms':Math.round(v)+' ms';
function place(td){const t=td.closest('table'),c=t.tHead.rows[0].cells,i=td.cellIndex-1;
 return{profile:t.dataset.profile,row:td.parentNode.dataset.row,step:c[1+Math.floor(i/3)].textContent,
  phase:['before','during','after'][i%3]}}
const name=p=>{const[v,at]=p.row.split('@');
 return `${v}/${p.profile}/${p.step}:${p.phase}`+(at?'@'+at:'')};
const quote=w=>/^[\\w@%+=:,./-]+$/.test(w)?w:"'"+w.replaceAll("'",`'"'"'`)+"'";
function copyButton(words){const b=text('button','copy');b.type='button';
 b.addEventListener('click',()=>{navigator.clipboard?.writeText(words).then(()=>{b.textContent='copied'})});return b}
function show(td){const c=D.cells[td.dataset.c],p=place(td),id=name(p);
 const box=document.createElement('div'),head=document.createElement('p');
 const kind=td.className[0];head.append(text('span',NAMES[kind],'pill '+kind),text('span',id,'id'));
 box.append(head);if(S[c[0]])box.append(text('p',S[c[0]]));
 const facts=document.createElement('p');
 const fact=(n,v)=>{if(v){const s=text('span',n+' ','facts');s.append(text('code',v));facts.append(s)}};
 if(c.length>1){fact('ended',[S[c[1]],S[c[2]]].filter(Boolean).join(': '));
  fact('exit',String(c[3]));fact('trips',S[c[4]]);
  fact('bench',S[c[5]]);
  const t=ms(c[6]),l=ms(c[7]);fact('safe command after',t?t+(l?' of '+l:''):'');fact('no energy after',ms(c[9]));
  fact('took',c[8]+' s')}
 box.append(facts);
 const line=document.createElement('p'),of=p.profile,
  named=of.includes('/')||/\\.ya?ml$/.test(of)?` --profile ${quote(of)}`:'',
  command=`sparkgap campaign ${D.rig}${named} --only ${quote(id)} --seed ${D.seed}`;
 line.className='replay';line.append(text('code',command),copyButton(command));box.append(line);
 why.replaceChildren(box)}
function beside(tr,way,i){const rows=tr.closest('table').rows;let k=tr.rowIndex+way;
 while(rows[k]&&rows[k].cells[i]?.dataset.c===undefined)k+=way;return rows[k]?.cells[i]}
for(const table of document.querySelectorAll('table.matrix')){
 const cells=()=>[...table.querySelectorAll('td[data-c]')];const first=cells()[0];if(first)first.tabIndex=0;
 const go=td=>{if(!td||td.dataset.c===undefined)return;const old=table.querySelector('td[tabindex="0"]');
  if(old)old.tabIndex=-1;td.tabIndex=0;td.focus()};
 table.addEventListener('focusin',e=>{const td=e.target.closest('td[data-c]');if(td)show(td)});
 table.addEventListener('mouseover',e=>{const td=e.target.closest('td[data-c]');
  if(td&&!document.activeElement.closest?.('table.matrix'))show(td)});
 table.addEventListener('click',e=>{go(e.target.closest('td[data-c]'))});
 table.addEventListener('keydown',e=>{const td=e.target.closest('td[data-c]');if(!td)return;
  const i=td.cellIndex,tr=td.parentNode;let to=null;
  if(e.key==='ArrowRight')to=tr.cells[i+1];else if(e.key==='ArrowLeft')to=tr.cells[i-1];
  else if(e.key==='ArrowDown')to=beside(tr,1,i);else if(e.key==='ArrowUp')to=beside(tr,-1,i);
  else if(e.key==='Home')to=tr.cells[1];else if(e.key==='End')to=tr.cells[tr.cells.length-2];
  else if(e.key==='Escape'){td.blur();return}else return;
  e.preventDefault();go(to)})}
document.getElementById('only-failed')?.addEventListener('change',e=>document.body.classList.toggle('only-failed',e.target.checked));
for(const line of document.querySelectorAll('.replay[data-copy]'))line.append(copyButton(line.dataset.copy));
"""
