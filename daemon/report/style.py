"""How reports look: every colour and size, for light, dark and paper."""

from __future__ import annotations

from daemon.report.svg import sign_rules

#: Kinds of rows; each has a colour.
KINDS = ("training", "normal", "recorded", "made")

_LIGHT = """--ink:#18212d;--muted:#52606f;--paper:#fff;--panel:#f4f6f9;--line:#d3dae3;--link:#1d5fa8;
--training:#2b6cb0;--normal:#0b7a6f;--recorded:#c03a0a;--made:#7a3fc8;--edge:#3d4b5c;
--good:#17683f;--warn:#8a4b00;--warn-panel:#fff6e5;--warn-line:#e0a84a;color-scheme:light"""

_DARK = """--ink:#e8edf4;--muted:#a9b5c3;--paper:#11161d;--panel:#1a212b;--line:#374252;--link:#8dc0f5;
--training:#7db7f2;--normal:#4fd0bf;--recorded:#ff9b66;--made:#c3a4ff;--edge:#b9c5d3;
--good:#74d7a2;--warn:#ffcb7d;--warn-panel:#2b2414;--warn-line:#8f6a1f;color-scheme:dark"""

#: The one style sheet of a report.
STYLE = (
    f"""
:root{{{_LIGHT}}}
@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
*{{box-sizing:border-box}}
html{{-webkit-text-size-adjust:100%;text-size-adjust:100%}}
body{{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
overflow-wrap:anywhere}}
header,main,footer{{max-width:62rem;margin:0 auto;padding:0 1.25rem}}
header{{padding-top:1.75rem}}
h1{{font-size:1.8rem;line-height:1.2;margin:0 0 .3rem;letter-spacing:-.01em}}
h2{{font-size:1.25rem;line-height:1.3;margin:0 0 .6rem}}
h3{{font-size:1rem;line-height:1.4;margin:1.6rem 0 .5rem}}
p{{margin:.5rem 0;max-width:44rem}}
.lead,.note,.kind{{color:var(--muted)}}
.lead{{margin-top:0}}
.note{{font-size:.875rem}}
.kind{{font-size:.875rem;margin:0 0 .2rem}}
section{{border-top:1px solid var(--line);margin-top:2rem;padding-top:1.5rem}}
a{{color:var(--link)}}
code{{font:.875em ui-monospace,"Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}}
.formula{{display:block;background:var(--panel);border-radius:.4rem;padding:.6rem .8rem;margin:.7rem 0;
max-width:44rem}}
.tiles{{display:grid;grid-template-columns:repeat(6,1fr);gap:.75rem;margin:1.25rem 0 0;
padding:0}}
.tiles>div{{background:var(--panel);border-radius:.5rem;padding:.7rem .85rem}}
.tiles dt{{font-size:.8125rem;line-height:1.35;color:var(--muted)}}
.tiles dd{{margin:0}}
.tiles .figure{{font-size:1.55rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}}
.tiles .aside{{font-size:.8125rem;line-height:1.35;color:var(--muted)}}
.warnings{{background:var(--warn-panel);border:1px solid var(--warn-line);border-radius:.5rem;
padding:.6rem .9rem;margin:1.25rem 0 0}}
.warnings strong{{color:var(--warn)}}
.warnings ul{{margin:.3rem 0;padding-left:1.2rem}}
.verdict{{font-weight:600}}
.verdict.good{{color:var(--good)}}
.verdict.bad{{font-weight:400;border-left:3px solid var(--warn-line);padding-left:.8rem;color:var(--ink)}}
table{{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}}
caption{{text-align:left;color:var(--muted);font-size:.875rem;padding:0 0 .4rem}}
th,td{{text-align:right;padding:.4rem 0 .4rem .75rem;border-bottom:1px solid var(--line);
vertical-align:baseline}}
th:first-child,td:first-child{{text-align:left;padding-left:0}}
thead th{{font-size:.875rem;border-bottom-color:var(--muted);vertical-align:bottom}}
tbody th{{font-weight:400}}
th small,td small{{display:block;font-weight:400;color:var(--muted);font-size:.8125rem;line-height:1.4}}
.words td,.words th{{text-align:left}}
.words th{{white-space:nowrap}}
.facts th{{white-space:normal;width:11rem;color:var(--muted)}}
tr.part th{{font-weight:600;color:var(--muted);font-size:.8125rem;padding-top:1rem}}
td{{overflow-wrap:normal;white-space:nowrap}}
td small{{white-space:normal}}
tbody th:first-child{{min-width:6rem}}
thead th{{overflow-wrap:normal}}
.words td,td.free{{white-space:normal;overflow-wrap:anywhere}}
.same{{color:var(--muted)}}
.strip{{display:grid;grid-template-columns:repeat(auto-fit,minmax(4.4rem,1fr));gap:.6rem;margin:.6rem 0}}
.strip dt{{font-size:.8125rem;color:var(--muted)}}
.strip dd{{margin:0;font-size:.95rem;font-variant-numeric:tabular-nums}}
.scroll{{overflow-x:auto;max-width:100%}}
.digest{{font:.8125rem/1.5 ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;word-break:break-all}}
details{{margin:.9rem 0 0}}
summary{{cursor:pointer;color:var(--link);font-size:.9rem}}
details[open] summary{{margin-bottom:.5rem}}
figure{{margin:1rem 0 0}}
figcaption{{font-size:.875rem;color:var(--muted);margin-bottom:.35rem}}
figcaption b{{color:var(--ink);font-weight:600}}
svg{{display:block;width:100%;max-width:100%;font-family:inherit}}
svg text{{fill:var(--muted);font-size:12px}}
svg .told{{fill:var(--ink);font-weight:600}}
.band{{margin:.8rem 0 0}}
.band p{{display:flex;flex-wrap:wrap;gap:0 .9rem;justify-content:space-between;max-width:none;
margin:0 0 .15rem;font-size:.875rem}}
.band b::before{{content:"";display:inline-block;width:.7rem;height:.7rem;border-radius:.15rem;
background:var(--kind);margin-right:.45rem}}
.band span{{color:var(--muted)}}
.training{{--kind:var(--training)}}
.normal{{--kind:var(--normal)}}
.recorded{{--kind:var(--recorded)}}
.made{{--kind:var(--made)}}
.bar{{fill:var(--kind)}}
.curve{{fill:none;stroke:var(--kind);stroke-width:2;stroke-linejoin:round}}
.curve.normal{{stroke-dasharray:6 2}}
.matrix{{font-size:.8125rem}}
.matrix th,.matrix td{{text-align:center;padding:.25rem .3rem;min-width:1.9rem}}
.matrix tbody th{{text-align:right;min-width:0}}
.matrix td{{border:1px solid var(--line);
background:color-mix(in srgb,var(--recorded) calc(var(--share,0%)*.6),transparent)}}
.matrix td.hit{{font-weight:600;
background:color-mix(in srgb,var(--normal) calc(var(--share,0%)*.45),transparent)}}
.region{{fill:var(--panel)}}
.base{{stroke:var(--line)}}
.threshold{{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:4 3}}
.frame{{fill:none;stroke:var(--line)}}
.grid{{stroke:var(--line);stroke-width:.75;opacity:.7}}
.pluses,.crosses,.rings{{fill:none;stroke:none}}
.dots,.sign{{fill:none;stroke:var(--kind);stroke-width:1.4}}
.signs{{position:absolute}}
.dots{{stroke-width:3.6;stroke-linecap:round;opacity:.6}}
.edges{{fill:none;stroke:var(--edge);stroke-width:1.2;opacity:.75}}
.centres{{fill:var(--ink);stroke:var(--paper);stroke-width:1.5}}
svg .number{{fill:var(--ink);stroke:var(--paper);stroke-width:3;
paint-order:stroke;font-weight:700;font-size:12px}}
.diagonal{{stroke:var(--muted);stroke-width:1}}
.plots{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,17.5rem),1fr));gap:1rem 1.5rem}}
.plots figure{{max-width:26rem;margin:0}}
.plots.pair{{grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr))}}
.beside{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem 2rem;
align-items:start}}
.beside>*{{min-width:0}}
.beside figure{{max-width:25rem}}
.legend{{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.2rem;padding:0;margin:.7rem 0;
font-size:.875rem}}
.legend li{{display:flex;align-items:center;gap:.45rem}}
.legend svg{{width:18px;height:18px;flex:none}}
.legend .dots{{stroke-width:6}}
.meter{{display:inline-block;height:.5rem;width:5rem;background:var(--panel);border-radius:.25rem;overflow:hidden;
margin-right:.75rem;text-align:left}}
.meter+span{{display:inline-block;min-width:3.6em}}
.meter i{{display:block;height:100%;background:var(--training);min-width:2px}}
footer{{color:var(--muted);font-size:.875rem;padding-top:1.5rem;padding-bottom:2.5rem}}
@media (max-width:60rem){{
.tiles{{grid-template-columns:repeat(3,1fr)}}
}}
@media (max-width:36rem){{
body{{font-size:15px}}
header,main,footer{{padding-left:1rem;padding-right:1rem}}
h1{{font-size:1.5rem}}
.tiles{{grid-template-columns:1fr 1fr;gap:.5rem}}
.tiles .figure{{font-size:1.3rem}}
table{{font-size:.84rem}}
th,td{{padding-left:.5rem}}
}}
@page{{size:A4;margin:14mm 13mm}}
@media print{{
html{{font-size:9.5pt}}
body{{font-size:1rem;line-height:1.45}}
header,main,footer{{max-width:none;padding-left:0;padding-right:0}}
header{{padding-top:0}}
section{{margin-top:1.1rem;padding-top:1rem}}
h2,h3,caption,summary,thead,tr.part,.legend,.verdict{{break-after:avoid}}
figure,.bands,.tiles,.warnings,tr{{break-inside:avoid}}
p,.formula{{max-width:none}}
.beside{{grid-template-columns:2fr 3fr}}
th,td{{padding-top:.22rem;padding-bottom:.22rem}}
.tiles{{grid-template-columns:repeat(3,1fr)}}
.tiles>div{{border:1px solid var(--line)}}
.plots{{grid-template-columns:repeat(3,1fr);gap:.6rem .9rem}}
.plots.pair{{grid-template-columns:repeat(2,1fr)}}
.scroll{{overflow:visible}}
details:not([open]){{display:none}}
*{{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
}}
""".replace("\n", "")
    + sign_rules(KINDS)
)
