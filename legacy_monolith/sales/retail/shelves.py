"""On which shelf a product goes, by the words of its name. Pure."""

from __future__ import annotations

import re
from typing import Final

NAMES: Final = {
    "bags": "Bags",
    "candles-lights": "Candles & lights",
    "kitchen-dining": "Kitchen & dining",
    "home-decor": "Home décor",
    "stationery-craft": "Stationery & craft",
    "toys-games": "Toys & games",
    "seasonal": "Seasonal",
    "garden": "Garden",
    "jewellery-accessories": "Jewellery & accessories",
    "storage-tins": "Storage & tins",
    "everything-else": "Everything else",
}
ELSEWHERE: Final = "everything-else"

# The first shelf with a word of the name has it: a Christmas candle is seasonal, a jigsaw in a tin is a toy.
_WORDS: Final = (
    (
        "seasonal",
        "advent angel bauble baubles christmas easter egg eggs halloween reindeer robin santa snowflake snowman"
        " stocking valentine valentines wreath xmas",
    ),
    (
        "toys-games",
        "baby balloon balloons chalk childrens children's childs dinosaur doll dolls dolly domino game games jigsaw"
        " kids marbles monkey playhouse puppet puzzle puzzles rocket skipping skittles soldier spaceboy teddy toy"
        " toys tractor xylophone yo-yo",
    ),
    ("bags", "bag bags handbag holdall rucksack satchel shopper suitcase tote"),
    (
        "jewellery-accessories",
        "bangle bead beads bracelet brooch charm diamante earring earrings gloves hair hairclip hairclips hairslide"
        " jewellery keyring locket necklace necklaces parasol pendant purse ring rings scarf slippers sunglasses"
        " umbrella wallet watch",
    ),
    (
        "candles-lights",
        "candle candles candleholder candlestick chandelier incense lamp lampshade lantern lanterns light lights"
        " t-light t-lights tealight torch votive",
    ),
    (
        "garden",
        "bird birdcage birdhouse flowerpot garden gardener gardeners gardening gnome herb hose planter plant plants"
        " seeds spade trowel watering windmill",
    ),
    (
        "kitchen-dining",
        "apron baking beaker biscuit bottle bowl bowls bread butter cafe cake cakes cakestand cases chopping coaster"
        " coasters coffee cook cookie corkscrew cup cups cupcake cutlery dinner dish egg-cup food fork glass glasses"
        " goblet gravy jam jar jars jelly jug kitchen knife ladle lunch milk mould moulds mug mugs napkin napkins oven"
        " pantry plate plates pot recipe regency salt saucer scales spoon spoons sugar tablecloth tea teacup teapot"
        " teaspoons teatime timer towel towels tray trays whisk",
    ),
    (
        "storage-tins",
        "basket baskets bin box boxes bucket cabinet canister chest crate crates drawer drawers organiser"
        " rack shelf shelves storage tidy tin tins trinket trunk",
    ),
    (
        "stationery-craft",
        "album blackboard book bookmark books bunting calendar card cards craft crayons doilies doily envelope eraser"
        " erasers feather gift glue key-fob knitting memo notebook notebooks notepad origami paper passport pen pencil"
        " pencils pens planner ribbon ribbons rubber ruler scissors sewing stamp stamps stencil sticker stickers"
        " string tape tissue tissues wrap writing",
    ),
    (
        "home-decor",
        "art bathroom bell blind chair chime chimes clock clocks cornice curtain cushion cushions decoration"
        " decorations door doormat doorstop drape flower flowers frame frames garland hanger hangers hanging heart"
        " hearts hook hooks knob knobs letter magnet magnets metal mirror mobile ornament photo picture plaque poster"
        " quilt rug sign stool table tile tiles vase wall wicker",
    ),
)
_SHELF: Final = {word: slug for slug, words in reversed(_WORDS) for word in words.split()}
_RANK: Final = {slug: rank for rank, (slug, _) in enumerate(_WORDS)}
_WORD: Final = re.compile(r"[a-z][a-z'-]*")


def shelf(name: str) -> str:
    """Return the slug of the category for a product of this name."""
    found = {_SHELF[word] for word in _WORD.findall(name.lower()) if word in _SHELF}
    return min(found, key=lambda slug: _RANK[slug], default=ELSEWHERE)
