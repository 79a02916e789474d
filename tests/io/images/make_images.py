#!/usr/bin/python3
"""Makes the small images of this folder and, with Pillow, the pixels expected of them."""
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
rng = np.random.default_rng(7)
y, x = np.mgrid[0:13, 0:17]
smooth = np.stack([15 * x, 19 * y, 7 * (x + y)], -1)
pixels = np.clip(smooth + rng.integers(-20, 20, smooth.shape), 0, 255).astype(np.uint8)
rgb = Image.fromarray(pixels)
alpha = Image.fromarray((16 * x % 256).astype(np.uint8))


def expect(name):
    np.save(HERE / (name + ".npy"), np.asarray(Image.open(HERE / name).convert("RGB")))


def save(image, name, **options):
    image.save(HERE / name, **options)
    expect(name)


def png(name, color, depth, rows, interlace=0):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 17, 13, depth, color, 0, 0, interlace)
    (HERE / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                              chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


save(rgb, "rgb.png")
save(rgb.convert("L"), "grey.png")
save(rgb.convert("1"), "bits.png")
rgba = rgb.copy()
rgba.putalpha(alpha)
save(rgba, "rgba.png")
save(rgba.convert("LA"), "grey_alpha.png")
save(rgb.quantize(7), "palette.png")
save(rgb.quantize(7), "palette_transparent.png", transparency=2)
save(rgb, "plain.jpg", quality=90)
save(rgb, "no_subsampling.jpg", quality=90, subsampling=0)
save(rgb, "progressive.jpg", quality=80, progressive=True)
save(rgb.convert("L"), "grey.jpg")
save(rgb.convert("CMYK"), "cmyk.jpg", quality=90)

# What Pillow cannot write: 16 bits a channel, of which the high byte is expected, and Adam7.
wide = rng.integers(0, 65536, (13, 17, 3)).astype(">u2")
png("rgb16.png", 2, 16, b"".join(b"\0" + row.tobytes() for row in wide))
np.save(HERE / "rgb16.png.npy", (wide >> 8).astype(np.uint8))
rows = b""
for y0, x0, dy, dx in [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                       (0, 1, 2, 2), (1, 0, 2, 1)]:
    part = pixels[y0::dy, x0::dx]
    if part.size:
        rows += b"".join(b"\0" + row.tobytes() for row in part)
png("interlaced.png", 2, 8, rows, interlace=1)
expect("interlaced.png")

for height, width in [(5, 4), (40, 30), (13, 3), (60, 17), (1, 1), (13, 17), (26, 9)]:
    np.save(HERE / f"resized_{height}x{width}.npy",
            np.asarray(rgb.resize((width, height), Image.BILINEAR)))
