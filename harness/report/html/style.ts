/** The page's style: system fonts and colours, light and dark. A verdict is always a word as well, never a colour alone. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1c2024;--soft:#555d66;--line:#d5d9de;--paper:#fff;--no:#a3141f;--yes:#176334;--open:#7a4b00}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7ea;--soft:#a4acb5;--line:#3a4047;--paper:#16191d;--no:#ff8a8f;--yes:#74d196;--open:#f0b95b}}
body{font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;padding:1rem;max-width:75rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:1.5rem 0 .4rem}h3{font-size:1rem;margin:0}
p{margin:.3rem 0}.soft{color:var(--soft)}a{color:inherit}
.wide{overflow-x:auto}table{border-collapse:collapse}th,td{text-align:left;padding:.15rem .6rem .15rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.pass{color:var(--yes)}.fail,.crash,.hang{color:var(--no);font-weight:600}.infra,.incomplete{color:var(--open);font-weight:600}.skip{color:var(--soft)}
pre{overflow-x:auto;border:1px solid var(--line);padding:.5rem;font:12px/1.4 ui-monospace,monospace}
details{border-bottom:1px solid var(--line);padding:.3rem 0}summary h3{display:inline;font-weight:400}
.finding{overflow-wrap:anywhere}
@media print{body{max-width:none}}
`;
