"""Renders the Mandelbrot set: a PNG picture in the working folder, and the same as text on stdout. Standard library only."""

import struct
import sys
import zlib

WIDTH, HEIGHT, DEPTH = 480, 320, 96
SHADES = " .:-=+*#%@"


def escape(re, im):
    """Steps until |z| > 2, or DEPTH when it stays."""
    z = complex(0, 0)
    c = complex(re, im)
    for step in range(DEPTH):
        if abs(z) > 2:
            return step
        z = z * z + c
    return DEPTH


def rows(width, height):
    for y in range(height):
        im = 1.2 - 2.4 * y / (height - 1)
        yield [escape(-2.3 + 3.4 * x / (width - 1), im) for x in range(width)]


def png(path, width, height, pixels):
    """Eight-bit grey PNG (ISO/IEC 15948)."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    raw = b"".join(b"\0" + bytes(255 - 255 * step // DEPTH for step in row) for row in pixels)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(raw, 9)))
        file.write(chunk(b"IEND", b""))


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "mandelbrot.png"
    for row in rows(78, 30):
        print("".join(SHADES[step * (len(SHADES) - 1) // DEPTH] for step in row))
    png(path, WIDTH, HEIGHT, list(rows(WIDTH, HEIGHT)))
    print(f"wrote {path}, {WIDTH} x {HEIGHT}")


main()
