/** The page's style: system fonts and colours, light and dark. A verdict is always a word as well, never a colour alone. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1c2024;--soft:#555d66;--line:#d5d9de;--paper:#fff;--panel:#f4f6f8;--no:#a3141f;--yes:#176334;--open:#7a4b00;--link:#0b57a4;--loaded:#7fb69a;--untouched:#cfe0d6;--stripe:#9dbfac;--dropped:#e6e8eb;--mark:#ffe58a}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7ea;--soft:#a4acb5;--line:#3a4047;--paper:#16191d;--panel:#1e2227;--no:#ff8a8f;--yes:#74d196;--open:#f0b95b;--link:#86bdf5;--loaded:#2f6b4c;--untouched:#29392f;--stripe:#41604d;--dropped:#2b3036;--mark:#6b5500}}
*{box-sizing:border-box}
body{font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;padding:1rem;max-width:80rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.15rem;margin:1.4rem 0 .4rem}h3{font-size:1rem;margin:.6rem 0 .2rem}
p{margin:.3rem 0}.soft{color:var(--soft)}a{color:var(--link)}:focus-visible{outline:2px solid var(--link);outline-offset:1px}
nav{margin:.6rem 0}nav a{margin-right:1rem}[hidden]{display:none!important}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.wide{overflow-x:auto}table{border-collapse:collapse}th,td{text-align:left;padding:.15rem .7rem .15rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}tbody th{font-weight:400}caption{text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.v{white-space:nowrap}.pass{color:var(--yes)}.fail,.crash,.hang{color:var(--no);font-weight:600}.infra,.incomplete{color:var(--open);font-weight:600}.skip{color:var(--soft)}
h1 .v,header p .v,summary .v{border:1px solid currentColor;border-radius:3px;padding:0 .35rem}
.reasons{margin:.2rem 0;padding-left:1.2rem}.reasons li{overflow-wrap:anywhere}
.filters{background:var(--panel);border:1px solid var(--line);padding:.5rem;display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:center}
fieldset{border:0;margin:0;padding:0}input,select,button{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--soft);border-radius:3px;padding:.1rem .35rem;max-width:100%}
.areas{display:flex;flex-wrap:wrap;gap:0 2.5rem}.area{max-width:100%}
pre{overflow:auto;max-height:34rem;background:var(--panel);border:1px solid var(--line);padding:.5rem;margin:.3rem 0;font:12px/1.4 ui-monospace,monospace}
pre a{color:var(--soft);text-decoration:underline dotted;user-select:none}pre a:target{background:var(--mark);color:var(--ink)}
details.result{border:1px solid var(--line);border-radius:3px;margin:.4rem 0;padding:.3rem .7rem}details.result:target,details.result.at{border-color:var(--link)}
summary{cursor:pointer}summary h3{display:inline;font-weight:400}
.finding{overflow-wrap:anywhere}dl{display:grid;grid-template-columns:max-content 1fr;gap:0 .8rem;margin:.2rem 0}dt{color:var(--soft)}dd{margin:0;white-space:pre-line}
.steps{width:100%;table-layout:fixed}.steps td:first-child{width:4.5rem}.steps td.n{width:6rem}.steps pre{max-height:12rem;white-space:pre-wrap;overflow-wrap:anywhere}.kr{background:var(--mark);color:var(--ink);font-weight:600}mark{background:var(--link);color:var(--paper)}mark.at{outline:2px solid var(--ink)}
.bar{width:100%;max-width:40rem;height:14px;display:block}.p0{fill:var(--loaded)}.p1{fill:var(--stripe)}
.map{width:100%;height:auto;border:1px solid var(--line)}.map text,.graph text{font:10px system-ui,sans-serif;fill:var(--ink)}
.map rect{stroke:var(--paper);stroke-width:.6;vector-effect:non-scaling-stroke}.group{fill:var(--panel)}.loaded{fill:var(--loaded)}.base{fill:var(--untouched)}.stripe{fill:var(--stripe)}.dropped{fill:var(--dropped);stroke-dasharray:3 2}
.map .base,.map .stripe{stroke:none}.map a:hover .group,.map a:focus .group{fill:var(--mark)}
.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:0 1.2rem;margin:.2rem 0}.key{width:16px;height:12px}
.graph{width:100%;max-width:46rem;height:auto}.node{fill:var(--panel);stroke:var(--soft)}.node.lacking{stroke:var(--no);stroke-dasharray:4 2}.edge{stroke:var(--soft)}
.a1{font-weight:700}.a2{opacity:.8}.a4{text-decoration:underline}.a30,.a37{color:var(--soft)}.a31{color:var(--no)}.a32{color:var(--yes)}.a33{color:var(--open)}.a34,.a36{color:var(--link)}.a35{color:#8a2a8a}
.a60,.a67{color:var(--ink)}.a61{color:var(--no)}.a62{color:var(--yes)}.a63{color:var(--open)}.a64,.a66{color:var(--link)}.a65{color:#8a2a8a}
@media(prefers-color-scheme:dark){.a35,.a65{color:#e0a0e0}}
@media(min-width:60rem){.filters{position:sticky;top:0;z-index:1}details.result,pre a{scroll-margin-top:4rem}}
@media print{body{max-width:none;font-size:11px}.filters,.tools,nav,.self{display:none!important}pre{max-height:none;overflow:visible;white-space:pre-wrap}details::details-content{content-visibility:visible;block-size:auto}a{color:inherit}.wide{overflow:visible}}
`;
