"""A product's picture: its category's illustration, in colours and on a backdrop that its sku decides. Pure.

Nothing of what the client sent is in the picture: the sku is only hashed, the category only looked up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from gateway.storefront import illustrations


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours that go together: a ground, its shade, and those of the illustration."""

    ground: str
    shade: str
    main: str
    dark: str
    light: str
    accent: str
    paper: str = "#fffaf2"
    ink: str = "#17211f"


PALETTES: Final = (
    Palette("#dcebe4", "#c3ddd1", "#1f7a66", "#0f4d40", "#9fd0be", "#f5a524"),
    Palette("#fbe6d4", "#f5d0b0", "#d9622b", "#8f3a14", "#f7b98d", "#1d6f78"),
    Palette("#dde6f5", "#c3d3ee", "#2f5fb3", "#1b3a73", "#a3bfea", "#f2b233"),
    Palette("#f6dfe2", "#eec4ca", "#b8405e", "#742238", "#eba6b4", "#2b7a78"),
    Palette("#f7edc9", "#eedd9c", "#b98500", "#6f4f00", "#f0cf6a", "#c8442d"),
    Palette("#e6e1f2", "#d1c8e8", "#65519e", "#3d2f69", "#bfb1e2", "#ef9a3c"),
    Palette("#d9edf0", "#bcdfe5", "#14788a", "#0a4a57", "#8fcbd6", "#ef6f51"),
    Palette("#e9eadb", "#d6d9bd", "#66752d", "#3e4818", "#bcc68a", "#d9622b"),
)

BACKDROPS: Final = (
    '<circle cx="200" cy="204" r="150" fill="{s}"/>',
    '<path d="M62 316V196a138 138 0 0 1 276 0v120z" fill="{s}"/>',
    '<path d="M0 148q100-70 200 0t200 0v252H0z" fill="{s}"/>',
    '<rect x="60" y="56" width="280" height="280" rx="56" fill="{s}" transform="rotate(-8 200 196)"/>',
    '<circle cx="290" cy="120" r="92" fill="{s}"/><circle cx="96" cy="250" r="70" fill="{s}"/>',
    '<path d="M0 400 400 0v400z" fill="{s}"/>',
)


def draw(*, sku: str, category: str) -> str:
    """Return the picture as an SVG document, the same one for the same sku and category for ever."""
    digest = hashlib.sha256(sku.encode("utf-8", "surrogatepass")).digest()
    palette = PALETTES[digest[0] % len(PALETTES)]
    backdrop = BACKDROPS[digest[1] % len(BACKDROPS)].format(s=palette.shade)
    illustration = illustrations.BY_CATEGORY.get(category, illustrations.ABSTRACT).format(
        m=palette.main, d=palette.dark, l=palette.light, a=palette.accent, p=palette.paper, k=palette.ink
    )
    mirrored = ' transform="matrix(-1 0 0 1 400 0)"' if digest[2] % 2 else ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400">'
        f'<rect width="400" height="400" fill="{palette.ground}"/>{backdrop}'
        f'<ellipse cx="200" cy="318" rx="134" ry="11" fill="{palette.ink}" opacity=".13"/>'
        f"<g{mirrored}>{illustration.strip()}</g></svg>"
    )
