"""How the picture of a call looks, on a light background and on a dark one."""

from typing import Final

STYLE: Final = """
svg { color-scheme: light dark }
text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #1f2933 }
.card { fill: #ffffff; stroke: #d5dbe3 } .title { font-size: 17px; font-weight: 650 }
.soft, .axis text { fill: #66727f } .lane { font-weight: 650; font-size: 12px }
.rule { stroke: #e3e8ee } .tick { stroke: #b4bec9 } .grid { stroke: #eef1f5 }
.wave { fill: none; stroke-linecap: round; stroke-width: 2 }
.caller .wave { stroke: #0f7ea8 } .caller .band { fill: #0f7ea814 } .caller .edge { fill: #0f7ea8 }
.caller .lane { fill: #0b6385 } .agent .wave { stroke: #1f8a4c } .agent .band { fill: #1f8a4c14 }
.agent .edge { fill: #1f8a4c } .agent .lane { fill: #176b3b }
.ghost .wave { stroke: #98a2ae } .ghost .band { fill: url(#hatch); stroke: #b4bec9; stroke-dasharray: 4 3 }
.ghost text, .ghost .lane { fill: #66727f } .ghost .words { font-style: italic }
.halo { stroke: #ffffff; stroke-width: 4; stroke-linejoin: round; paint-order: stroke }
.hatch { stroke: #cfd6de; stroke-width: 2 } .drop { fill: none; stroke: #d23c3c; stroke-dasharray: 3 3 }
.pill text { fill: #ffffff; font-weight: 600 } .stem line { stroke-width: 1.2; stroke-opacity: .5 }
.barge { fill: #d23c3c; stroke: #d23c3c } .tool { fill: #6d4fc4; stroke: #6d4fc4 }
.keys { fill: #a65f00; stroke: #a65f00 } .end { fill: #46525f; stroke: #46525f }
@media (prefers-color-scheme: dark) {
text { fill: #e4e9ef } .card { fill: #161b22; stroke: #333c47 } .soft, .axis text { fill: #98a5b3 }
.rule { stroke: #2b333d } .tick { stroke: #4b5664 } .grid { stroke: #20272f }
.caller .wave { stroke: #4bb8e0 } .caller .band { fill: #4bb8e01c } .caller .edge { fill: #4bb8e0 }
.caller .lane { fill: #7dcdeb } .agent .wave { stroke: #55c886 } .agent .band { fill: #55c8861c }
.agent .edge { fill: #55c886 } .agent .lane { fill: #86dcaa }
.ghost .wave { stroke: #66727f } .ghost .band { stroke: #55616e } .ghost text, .ghost .lane { fill: #98a5b3 }
.halo { stroke: #161b22 } .hatch { stroke: #343e49 } .drop { stroke: #f07171 }
.barge { fill: #c93b3b; stroke: #e05a5a } .tool { fill: #7557cf; stroke: #957bea }
.keys { fill: #a8660a; stroke: #cf8a2b } .end { fill: #56626f; stroke: #7b8794 } }
"""
