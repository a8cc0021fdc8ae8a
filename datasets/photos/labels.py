"""Printed labels for the scenes, drawn with the Noto CJK fonts of Debian's fonts-noto-cjk."""

from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = "/usr/share/fonts/opentype/noto/NotoSansCJK-{}.ttc"


def font(size, weight="Regular"):
    """Face 2 of the collection is Simplified Chinese."""
    return ImageFont.truetype(FONTS.format(weight), size, index=2)


def blank(size, paper, ink):
    """A sheet with a rounded frame, and the pen to draw on it."""
    label = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(label)
    draw.rounded_rectangle((18, 18, size[0] - 18, size[1] - 18), 26, outline=ink, width=5)
    return label, draw


def barcode(draw, rng, left, right, top, bottom, ink):
    """Bars that look like a barcode and encode nothing."""
    x = left
    while x < right:
        bar = int(rng.integers(1, 5)) * 4
        draw.rectangle((x, top, x + bar, bottom), ink)
        x += bar + int(rng.integers(1, 4)) * 4


def scratches(draw, rng, size, paper):
    """A few faint scratches across the print."""
    for _ in range(int(rng.integers(2, 9))):
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        draw.line((x, y, x + rng.normal(0, 90), y + rng.normal(0, 60)), tuple(int(c * 0.9) for c in paper), 2)


def save(label, path):
    """Print is never as sharp as a font."""
    label.filter(ImageFilter.GaussianBlur(0.8)).save(path)
