"""One simple picture for each category, on a canvas of 400 by 400 with the ground at y = 316. Pure data.

Colours are named in braces: {m} main, {d} its dark, {l} its light, {a} accent, {p} paper, {k} ink. What glows is amber
on every palette.
"""

from __future__ import annotations

from typing import Final

AUDIO: Final = """
<path d="M112 236v-30a88 88 0 0 1 176 0v30" fill="none" stroke="{k}" stroke-width="18" stroke-linecap="round"/>
<path d="M112 206a88 88 0 0 1 176 0" fill="none" stroke="{m}" stroke-width="18"/>
<rect x="88" y="210" width="56" height="100" rx="26" fill="{d}"/>
<rect x="256" y="210" width="56" height="100" rx="26" fill="{d}"/>
<rect x="124" y="204" width="34" height="112" rx="17" fill="{p}"/>
<rect x="242" y="204" width="34" height="112" rx="17" fill="{p}"/>
<rect x="134" y="204" width="24" height="112" rx="12" fill="{l}"/>
<rect x="242" y="204" width="24" height="112" rx="12" fill="{l}"/>
<circle cx="103" cy="260" r="7" fill="{a}"/>
<circle cx="297" cy="260" r="7" fill="{a}"/>
"""
KEYBOARDS_MICE: Final = """
<rect x="56" y="196" width="216" height="108" rx="16" fill="{d}"/>
<rect x="56" y="190" width="216" height="104" rx="16" fill="{p}"/>
<g fill="{l}">
<rect x="72" y="206" width="24" height="20" rx="5"/>
<rect x="102" y="206" width="24" height="20" rx="5"/>
<rect x="132" y="206" width="24" height="20" rx="5"/>
<rect x="162" y="206" width="24" height="20" rx="5"/>
<rect x="192" y="206" width="24" height="20" rx="5"/>
<rect x="72" y="232" width="34" height="20" rx="5"/>
<rect x="112" y="232" width="24" height="20" rx="5"/>
<rect x="142" y="232" width="24" height="20" rx="5"/>
<rect x="172" y="232" width="24" height="20" rx="5"/>
<rect x="202" y="232" width="24" height="20" rx="5"/>
<rect x="72" y="258" width="24" height="20" rx="5"/>
<rect x="222" y="258" width="34" height="20" rx="5"/>
</g>
<rect x="222" y="206" width="34" height="20" rx="5" fill="{a}"/>
<rect x="232" y="232" width="24" height="20" rx="5" fill="{m}"/>
<rect x="102" y="258" width="114" height="20" rx="5" fill="{m}"/>
<path d="M322 198c-2-44-40-26-44-66" fill="none" stroke="{k}" stroke-width="5" stroke-linecap="round"/>
<rect x="290" y="198" width="64" height="106" rx="32" fill="{d}"/>
<rect x="290" y="194" width="64" height="104" rx="32" fill="{m}"/>
<path d="M290 238h64" stroke="{d}" stroke-width="4"/>
<rect x="316" y="208" width="12" height="24" rx="6" fill="{a}"/>
"""
LIGHTING: Final = """
<path d="M214 166 L120 316 H326 Z" fill="#f5a524" opacity=".3"/>
<path d="M140 306 L112 206 L196 122" fill="none" stroke="{k}" stroke-width="11" stroke-linecap="round"
  stroke-linejoin="round"/>
<circle cx="112" cy="206" r="14" fill="{m}"/>
<circle cx="112" cy="206" r="5" fill="{p}"/>
<path d="M186 98 q46 -8 72 40 l-72 54 q-30 -48 0 -94z" fill="{m}"/>
<path d="M258 138 l-72 54 q6 22 38 2 q40 -24 34 -56z" fill="#f5a524"/>
<rect x="88" y="300" width="104" height="16" rx="8" fill="{d}"/>
<rect x="228" y="292" width="92" height="12" rx="3" fill="{p}"/>
<rect x="236" y="304" width="92" height="12" rx="3" fill="{l}"/>
"""
POWER_CABLES: Final = """
<path d="M200 262v30c0 40-96 34-96-12s70-34 70-78" fill="none" stroke="{d}" stroke-width="13" stroke-linecap="round"/>
<path d="M174 202c0-60 132-30 132-92" fill="none" stroke="{d}" stroke-width="13" stroke-linecap="round"/>
<rect x="281" y="82" width="50" height="34" rx="8" fill="{k}"/>
<rect x="290" y="58" width="32" height="28" rx="4" fill="{p}"/>
<rect x="298" y="66" width="16" height="8" rx="3" fill="{l}"/>
<rect x="224" y="176" width="106" height="140" rx="22" fill="{m}"/>
<rect x="224" y="176" width="106" height="46" rx="22" fill="{d}" opacity=".35"/>
<rect x="246" y="150" width="12" height="30" rx="4" fill="{k}"/>
<rect x="296" y="150" width="12" height="30" rx="4" fill="{k}"/>
<path d="M282 232l-26 36h20l-6 30 28-38h-20z" fill="{a}"/>
<rect x="176" y="214" width="48" height="56" rx="10" fill="{p}"/>
<rect x="168" y="226" width="10" height="32" rx="3" fill="{l}"/>
"""
DESK_STANDS: Final = """
<rect x="86" y="92" width="228" height="148" rx="14" fill="{k}"/>
<rect x="98" y="104" width="204" height="118" rx="6" fill="{l}"/>
<path d="M98 196 l58-48 44 34 40-30 62 50v14a6 6 0 0 1-6 6H104a6 6 0 0 1-6-6z" fill="{m}"/>
<circle cx="252" cy="134" r="16" fill="{a}"/>
<path d="M180 240h40l8 50h-56z" fill="{d}"/>
<rect x="138" y="288" width="124" height="12" rx="6" fill="{d}"/>
<rect x="58" y="300" width="284" height="14" rx="4" fill="{p}"/>
<rect x="58" y="306" width="284" height="10" rx="4" fill="{l}"/>
<rect x="290" y="262" width="30" height="38" rx="5" fill="{a}"/>
<path d="M305 262c0-24 20-26 22-34-18 0-24 14-22 34zm0 0c0-18-14-26-18-30-2 16 6 26 18 30z" fill="{d}"/>
"""
BAGS_CASES: Final = """
<path d="M164 122v-14a36 36 0 0 1 72 0v14" fill="none" stroke="{k}" stroke-width="11"/>
<path d="M104 180a68 68 0 0 1 68-68h56a68 68 0 0 1 68 68v108a28 28 0 0 1-28 28H132a28 28 0 0 1-28-28z" fill="{m}"/>
<path d="M86 220q0-26 20-28v112q-20-4-20-26zm228 0q0-26-20-28v112q20-4 20-26z" fill="{d}"/>
<path d="M104 190h192" stroke="{d}" stroke-width="6"/>
<rect x="128" y="214" width="144" height="84" rx="16" fill="{l}"/>
<path d="M128 240h144" stroke="{d}" stroke-width="5"/>
<rect x="192" y="234" width="16" height="28" rx="6" fill="{a}"/>
<rect x="168" y="146" width="64" height="20" rx="10" fill="{p}"/>
"""
SMART_HOME: Final = """
<path d="M98 200 200 104l102 96" fill="none" stroke="{d}" stroke-width="20" stroke-linecap="round"
  stroke-linejoin="round"/>
<path d="M118 198 200 122l82 76v106a12 12 0 0 1-12 12H130a12 12 0 0 1-12-12z" fill="{p}"/>
<circle cx="200" cy="236" r="56" fill="{m}"/>
<circle cx="200" cy="236" r="42" fill="{k}"/>
<path d="M172 262a38 38 0 1 1 56 0" fill="none" stroke="{a}" stroke-width="8" stroke-linecap="round"/>
<circle cx="200" cy="238" r="9" fill="{p}"/>
<path d="M200 238l16-16" stroke="{p}" stroke-width="6" stroke-linecap="round"/>
<path d="M262 108a42 42 0 0 1 36 30m-24-58a72 72 0 0 1 54 46" fill="none" stroke="{a}" stroke-width="9"
  stroke-linecap="round"/>
"""
WEARABLES: Final = """
<path d="M158 156l10-72h64l10 72zm0 98l10 62h64l10-62z" fill="{m}"/>
<path d="M168 84h64l3 20h-70zm0 232h64l3-18h-70z" fill="{d}"/>
<rect x="276" y="190" width="14" height="32" rx="6" fill="{a}"/>
<rect x="120" y="130" width="160" height="150" rx="46" fill="{k}"/>
<rect x="132" y="142" width="136" height="126" rx="36" fill="{d}"/>
<circle cx="200" cy="205" r="44" fill="none" stroke="{p}" stroke-opacity=".25" stroke-width="11"/>
<path d="M200 161a44 44 0 1 1-38 66" fill="none" stroke="{a}" stroke-width="11" stroke-linecap="round"/>
<path d="M174 206h14l8-18 10 34 8-16h12" fill="none" stroke="{p}" stroke-width="6" stroke-linecap="round"
  stroke-linejoin="round"/>
"""
TOTE: Final = """
<path d="M156 176v-40a44 44 0 0 1 88 0v40" fill="none" stroke="{d}" stroke-width="12" stroke-linecap="round"/>
<path d="M110 160h180l18 146a10 10 0 0 1-10 10H102a10 10 0 0 1-10-10z" fill="{m}"/>
<path d="M110 160h180l5 38H105z" fill="{d}" opacity=".35"/>
<circle cx="156" cy="176" r="6" fill="{p}"/>
<circle cx="244" cy="176" r="6" fill="{p}"/>
<g fill="{p}">
<circle cx="150" cy="236" r="13"/>
<circle cx="200" cy="236" r="13"/>
<circle cx="250" cy="236" r="13"/>
<circle cx="175" cy="276" r="13"/>
<circle cx="225" cy="276" r="13"/>
</g>
<circle cx="200" cy="236" r="6" fill="{a}"/>
"""
CANDLES: Final = """
<circle cx="168" cy="118" r="62" fill="#f5a524" opacity=".25"/>
<circle cx="262" cy="184" r="44" fill="#f5a524" opacity=".25"/>
<path d="M168 84c22 24 20 46 0 46s-22-22 0-46z" fill="#f5a524"/>
<path d="M168 106c9 10 8 20 0 20s-9-10 0-20z" fill="{p}"/>
<rect x="134" y="146" width="68" height="170" rx="10" fill="{p}"/>
<path d="M134 156a10 10 0 0 1 10-10h48a10 10 0 0 1 10 10v26c-12 0-8 20-18 20s-6-26-18-26-8 36-18 36-2-30-14-30z"
  fill="{l}"/>
<path d="M168 130v18m94 60v18" stroke="{k}" stroke-width="5" stroke-linecap="round"/>
<path d="M262 158c18 20 17 38 0 38s-18-18 0-38z" fill="#f5a524"/>
<path d="M218 226h88l-8 82a9 9 0 0 1-9 8h-54a9 9 0 0 1-9-8z" fill="{m}"/>
<path d="M220 248h84l-2 26h-80z" fill="{d}" opacity=".45"/>
"""
KITCHEN: Final = """
<path d="M158 128c-14-16 12-22 0-40m42 40c-14-16 12-22 0-40m42 40c-14-16 12-22 0-40" fill="none" stroke="{p}"
  stroke-width="8" stroke-linecap="round"/>
<path d="M276 184h18a40 40 0 0 1 0 80h-24" fill="none" stroke="{d}" stroke-width="16"/>
<path d="M112 156h176v84a62 62 0 0 1-62 62h-52a62 62 0 0 1-62-62z" fill="{m}"/>
<rect x="112" y="150" width="176" height="18" rx="9" fill="{l}"/>
<path d="M112 206h176v20H112z" fill="{p}"/>
<g fill="{a}">
<circle cx="136" cy="216" r="6"/>
<circle cx="168" cy="216" r="6"/>
<circle cx="200" cy="216" r="6"/>
<circle cx="232" cy="216" r="6"/>
<circle cx="264" cy="216" r="6"/>
</g>
<path d="M84 300h232q-4 16-24 16H108q-20 0-24-16z" fill="{p}"/>
"""
DECOR: Final = """
<rect x="86" y="84" width="128" height="156" rx="6" fill="{k}"/>
<rect x="97" y="95" width="106" height="134" fill="{p}"/>
<path d="M97 190l34-36 28 26 20-18 24 26v41H97z" fill="{m}"/>
<circle cx="176" cy="126" r="14" fill="{a}"/>
<path d="M262 206c-4-52 6-84 34-112-2 42-12 70-30 112zm0 0c-8-44-26-66-46-80-2 34 14 60 42 84z" fill="{d}"/>
<path d="M262 210c6-26 26-46 56-50-4 28-24 46-52 54z" fill="{m}"/>
<path d="M228 206h72c-10 20 22 34 22 64a46 46 0 0 1-46 46h-24a46 46 0 0 1-46-46c0-30 32-44 22-64z" fill="{l}"/>
<path d="M209 256h110" stroke="{a}" stroke-width="7"/>
<path d="M206 272h116" stroke="{m}" stroke-width="7"/>
"""
STATIONERY: Final = """
<path d="M124 106h150a14 14 0 0 1 14 14v182a14 14 0 0 1-14 14H124z" fill="{d}"/>
<path d="M124 98h146a14 14 0 0 1 14 14v180a14 14 0 0 1-14 14H124z" fill="{m}"/>
<rect x="104" y="98" width="40" height="208" rx="10" fill="{d}"/>
<rect x="168" y="136" width="92" height="52" rx="8" fill="{p}"/>
<path d="M182 154h64m-64 16h40" stroke="{k}" stroke-width="5" stroke-linecap="round"/>
<path d="M244 98v-8h20v40l-10-9-10 9z" fill="{a}"/>
<g transform="rotate(28 298 218)">
<rect x="286" y="122" width="24" height="150" fill="{a}"/>
<path d="M286 272h24l-12 32z" fill="{p}"/>
<path d="M294 293h8l-4 11z" fill="{k}"/>
<rect x="286" y="110" width="24" height="20" rx="5" fill="{l}"/>
</g>
"""
TOYS: Final = """
<rect x="92" y="230" width="86" height="86" rx="10" fill="{m}"/>
<rect x="184" y="230" width="86" height="86" rx="10" fill="{d}"/>
<rect x="134" y="140" width="86" height="86" rx="10" fill="{a}"/>
<circle cx="135" cy="273" r="22" fill="{p}"/>
<path d="M227 250l24 46h-48z" fill="{p}"/>
<rect x="158" y="164" width="38" height="38" rx="5" fill="{p}"/>
<circle cx="304" cy="284" r="32" fill="{l}"/>
<path d="M304 252a32 32 0 0 1 0 64 62 62 0 0 0 0-64z" fill="{m}"/>
<path d="M177 136c0-34 40-24 40-56" fill="none" stroke="{k}" stroke-width="4" stroke-linecap="round"/>
<path d="M217 84l-20-26 20-20 20 20z" fill="{m}"/>
"""
SEASONAL: Final = """
<rect x="188" y="270" width="24" height="46" fill="{k}"/>
<path d="M200 84l54 76h-22l44 60h-26l44 62H106l44-62h-26l44-60h-22z" fill="{d}"/>
<path d="M200 84l54 76h-22l44 60h-26l44 62h-94z" fill="{m}"/>
<path d="M200 58l8 18 20 2-15 13 5 20-18-11-18 11 5-20-15-13 20-2z" fill="{a}"/>
<circle cx="184" cy="156" r="9" fill="{a}"/>
<circle cx="222" cy="198" r="9" fill="{p}"/>
<circle cx="166" cy="216" r="9" fill="{p}"/>
<circle cx="202" cy="250" r="9" fill="{a}"/>
<circle cx="252" cy="262" r="9" fill="{p}"/>
<circle cx="146" cy="264" r="9" fill="{a}"/>
"""
GARDEN: Final = """
<path d="M200 214V120" stroke="{d}" stroke-width="9" stroke-linecap="round"/>
<path d="M200 190c-50 4-74-22-78-56 44 0 72 20 78 56zm0-20c6-36 34-56 78-56-4 34-28 60-78 56z" fill="{d}"/>
<g fill="{a}">
<circle cx="200" cy="78" r="17"/>
<circle cx="226" cy="97" r="17"/>
<circle cx="216" cy="127" r="17"/>
<circle cx="184" cy="127" r="17"/>
<circle cx="174" cy="97" r="17"/>
</g>
<circle cx="200" cy="106" r="15" fill="{p}"/>
<path d="M132 226h136l-16 82a10 10 0 0 1-10 8h-84a10 10 0 0 1-10-8z" fill="{m}"/>
<rect x="120" y="208" width="160" height="32" rx="8" fill="{l}"/>
"""
JEWELLERY: Final = """
<path d="M116 92c0 96 34 134 84 150 50-16 84-54 84-150" fill="none" stroke="{k}" stroke-width="6"
  stroke-linecap="round"/>
<g fill="{p}">
<circle cx="120" cy="130" r="9"/>
<circle cx="132" cy="170" r="10"/>
<circle cx="155" cy="206" r="11"/>
<circle cx="245" cy="206" r="11"/>
<circle cx="268" cy="170" r="10"/>
<circle cx="280" cy="130" r="9"/>
</g>
<path d="M164 246h72l22 26-58 44-58-44z" fill="{m}"/>
<path d="M164 246h72l22 26H142z" fill="{l}"/>
<path d="M180 272l20 44 20-44-20-26z" fill="{a}"/>
<circle cx="200" cy="236" r="10" fill="{d}"/>
"""
TINS: Final = """
<rect x="98" y="128" width="120" height="188" rx="12" fill="{m}"/>
<rect x="90" y="104" width="136" height="38" rx="12" fill="{d}"/>
<rect x="146" y="88" width="24" height="22" rx="8" fill="{k}"/>
<rect x="116" y="182" width="84" height="70" rx="10" fill="{p}"/>
<path d="M132 206h52m-52 20h34" stroke="{k}" stroke-width="6" stroke-linecap="round"/>
<rect x="230" y="220" width="88" height="96" rx="12" fill="{l}"/>
<rect x="222" y="200" width="104" height="32" rx="10" fill="{a}"/>
<path d="M274 246c20 18 16 38 0 48-16-10-20-30 0-48z" fill="{m}"/>
"""
PARCEL: Final = """
<rect x="98" y="168" width="204" height="148" rx="10" fill="{m}"/>
<rect x="84" y="132" width="232" height="50" rx="10" fill="{d}"/>
<rect x="182" y="132" width="36" height="184" fill="{a}"/>
<path d="M200 132c-58 0-76-60-40-62 28-2 40 34 40 62zm0 0c58 0 76-60 40-62-28-2-40 34-40 62z" fill="none"
  stroke="{a}" stroke-width="14"/>
<path d="M98 182h204v14H98z" fill="{k}" opacity=".14"/>
"""
ABSTRACT: Final = """
<circle cx="158" cy="172" r="76" fill="{m}"/>
<rect x="170" y="176" width="140" height="140" rx="24" fill="{d}"/>
<path d="M170 247.1a76 76 0 0 0 63.2-59.1q2-6 0-12H194a24 24 0 0 0-24 24z" fill="{a}"/>
<circle cx="262" cy="264" r="26" fill="{p}"/>
<path d="M96 316l52-72 52 72z" fill="{l}"/>
"""

BY_CATEGORY: Final = {
    "audio": AUDIO,
    "keyboards-mice": KEYBOARDS_MICE,
    "lighting": LIGHTING,
    "power-cables": POWER_CABLES,
    "desk-stands": DESK_STANDS,
    "bags-cases": BAGS_CASES,
    "smart-home": SMART_HOME,
    "wearables": WEARABLES,
    "bags": TOTE,
    "candles-lights": CANDLES,
    "kitchen-dining": KITCHEN,
    "home-decor": DECOR,
    "stationery-craft": STATIONERY,
    "toys-games": TOYS,
    "seasonal": SEASONAL,
    "garden": GARDEN,
    "jewellery-accessories": JEWELLERY,
    "storage-tins": TINS,
    "everything-else": PARCEL,
}
