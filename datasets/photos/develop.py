"""From scene light to a phone photo: exposure, white balance, lens, sensor noise, tone, JPEG."""

import dataclasses
import io
import re

import numpy as np
from PIL import Image, ImageFilter

SIZE = (800, 600)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bytes of a photo, aimed at by moving the JPEG quality down to `quality` or up to 92."""

    least: int = 38_000
    most: int = 92_000
    quality: int = 62


def read_linear(path):
    """Read POV-Ray's 16-bit PPM as linear light in 0..1, shape (height, width, 3)."""
    with open(path, "rb") as file:
        data = file.read()
    header = re.sub(rb"#[^\n]*\n", b"", data[: data.index(b"65535\n")])
    width, height = (int(field) for field in header.split()[1:3])
    pixels = np.frombuffer(data[-width * height * 6 :], dtype=">u2")
    return pixels.reshape(height, width, 3).astype(np.float32) / 65535.0


def resize(light, size):
    """Area-average resize of linear light to (width, height)."""
    channels = [Image.fromarray(light[:, :, c]).resize(size, Image.BOX) for c in range(3)]
    return np.stack([np.asarray(channel) for channel in channels], axis=2)


def blur(light, sigma):
    """Gaussian blur by shifted sums; `sigma` in pixels."""
    if sigma < 0.15:
        return light
    reach = int(np.ceil(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (reach, reach)
        padded = np.pad(light, pad, mode="edge")
        length = light.shape[axis]
        light = sum(t * np.take(padded, range(k, k + length), axis=axis) for k, t in enumerate(taps))
    return light


def shake(light, length, angle):
    """Camera shake: the mean of copies moved along a line of `length` pixels."""
    steps = max(2, int(length))
    reach = int(np.ceil(length / 2)) + 1
    padded = np.pad(light, [(reach, reach), (reach, reach), (0, 0)], mode="edge")
    moved = [
        np.roll(padded, (round(t * np.sin(angle)), round(t * np.cos(angle))), axis=(0, 1))
        for t in np.linspace(-length / 2, length / 2, steps)
    ]
    return np.mean(moved, axis=0)[reach:-reach, reach:-reach]


def expose(light, rng):
    """Meter like a phone: bring the mean to a middle grey, missing it by up to 0.45 stops either way."""
    luma = light @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    target = 0.23 * 2.0 ** rng.uniform(-0.55, 0.4)
    gain = target / max(float(np.mean(np.minimum(luma, np.quantile(luma, 0.97)))), 1e-4)
    # Automatic white balance removes most of the light's colour, and leaves some.
    grey = light.mean(axis=(0, 1))
    light = light * (grey.mean() / grey) ** rng.uniform(0.3, 0.6)
    balance = np.array([2.0 ** rng.normal(0, 0.06), 1.0, 2.0 ** rng.normal(0, 0.08)], dtype=np.float32)
    return light * gain * balance


def lens(light, rng):
    """Vignetting off a slightly wrong centre, veiling glare, and softness."""
    height, width, _ = light.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cx, cy = width * rng.uniform(0.45, 0.55), height * rng.uniform(0.45, 0.55)
    r2 = ((x - cx) ** 2 + (y - cy) ** 2) / (width**2 / 4 + height**2 / 4)
    light = light * (1 - rng.uniform(0.05, 0.38) * r2)[:, :, None]
    light = light + rng.uniform(0.0, 0.05) * light.mean(axis=(0, 1)) * (1 + rng.normal(0, 0.1))
    return blur(light, rng.uniform(0.25, 0.95))


def sensor(light, rng):
    """Shot noise, read noise, and the coarse colour blotches left by a phone's noise reduction."""
    level = rng.uniform(0.4, 1.6)
    shape = light.shape
    shot = rng.normal(0, 1, shape) * np.sqrt(np.maximum(light, 0)) * 0.012 * level
    read = rng.normal(0, 0.0025 * level, shape)
    noise = blur((shot + read).astype(np.float32), rng.uniform(0.3, 0.7)) * 1.6
    coarse = rng.normal(0, 0.0025 * level, (shape[0] // 8, shape[1] // 8, 3)).astype(np.float32)
    return light + noise + resize_smooth(coarse, (shape[1], shape[0]))


def resize_smooth(field, size):
    """Bilinear enlargement of a small random field."""
    channels = [Image.fromarray(field[:, :, c]).resize(size, Image.BILINEAR) for c in range(3)]
    return np.stack([np.asarray(channel) for channel in channels], axis=2)


def tone(light, rng):
    """Highlight roll-off, sRGB encoding, a phone's contrast and saturation; gives 8-bit RGB."""
    light = np.clip(light, 0, None)
    knee = 0.7
    over = np.maximum(light - knee, 0)
    light = np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(np.maximum(light, 1e-6), 1 / 2.4) - 0.055)
    contrast = rng.uniform(0.1, 0.65)
    code = code + contrast * (code * code * (3 - 2 * code) - code)
    grey = code.mean(axis=2, keepdims=True)
    code = grey + (code - grey) * rng.uniform(0.95, 1.3)
    return np.clip(code * 255 + 0.5, 0, 255).astype(np.uint8)


def develop(light, rng, size=SIZE, shaken=0.0):
    """Linear scene light to an upright 8-bit photo. `shaken` is camera shake in pixels."""
    light = lens(expose(resize(light, size), rng), rng)
    if shaken:
        # Out of focus as well as moved: the phone sharpens afterwards, and the photo must still be plainly unusable.
        light = blur(shake(light, shaken, rng.uniform(-0.4, 0.4)), 4.5)
    image = Image.fromarray(tone(sensor(light, rng), rng))
    sharpen = int(rng.uniform(20, 110))
    return image.filter(ImageFilter.UnsharpMask(radius=1.2, percent=sharpen, threshold=2))


def encode(image, rng, exif=b"", limits=Limits()):
    """JPEG at a drawn quality, moved only as far as the size bounds ask."""
    quality = int(rng.integers(72, 93))
    while True:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, subsampling=2, exif=exif)
        size = buffer.tell()
        if size > limits.most and quality > limits.quality:
            quality -= 3
        elif size < limits.least and quality < 92:
            quality += 3
        else:
            return buffer.getvalue()
