"""What every appliance's `make_photos.py` shares: EXIF, places, tickets, and a photo submitted twice."""

import dataclasses
import io
import json
import math
import pathlib

import numpy as np
from PIL import Image, ImageEnhance

import develop
import studio

DEVICE = "rendered with POV-Ray"


def gcj02(lat, lon):
    """The published approximation of China's map offset (error below 2 m)."""
    a, ee = 6378245.0, 0.00669342162296594323
    x, y = lon - 105.0, lat - 35.0
    waves = (20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)) * 2 / 3
    dlat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + waves
    dlat += (20 * math.sin(y * math.pi) + 40 * math.sin(y / 3 * math.pi)) * 2 / 3
    dlat += (160 * math.sin(y / 12 * math.pi) + 320 * math.sin(y * math.pi / 30)) * 2 / 3
    dlon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + waves
    dlon += (20 * math.sin(x * math.pi) + 40 * math.sin(x / 3 * math.pi)) * 2 / 3
    dlon += (150 * math.sin(x / 12 * math.pi) + 300 * math.sin(x / 30 * math.pi)) * 2 / 3
    phi = lat / 180 * math.pi
    magic = 1 - ee * math.sin(phi) ** 2
    dlat = dlat * 180 / (a * (1 - ee) / (magic * math.sqrt(magic)) * math.pi)
    dlon = dlon * 180 / (a / math.sqrt(magic) * math.cos(phi) * math.pi)
    return lat + dlat, lon + dlon


def exif(taken, place, orientation=1):
    """EXIF as a phone writes it: time in the local zone, GPS in WGS-84, orientation."""
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x0112] = "shifu datasets", "rendered with POV-Ray", orientation
    local = taken.replace("-", ":").replace("T", " ")
    tags[0x0132] = local
    tags.get_ifd(0x8769).update({0x9003: local, 0x9004: local, 0x9011: "+08:00"})
    gps = {0: b"\x02\x03\x00\x00"}
    for key, value, letters in ((1, place[0], "NS"), (3, place[1], "EW")):
        degrees, rest = divmod(abs(value), 1)
        minutes, rest = divmod(rest * 60, 1)
        gps |= {key: letters[value < 0], key + 1: (degrees, minutes, round(rest * 60, 2))}
    tags.get_ifd(0x8825).update(gps)
    return tags.tobytes()


def jittered(rng, place):
    """Where the phone thought it was: within some 15 m."""
    return place[0] + rng.normal(0, 6e-5), place[1] + rng.normal(0, 6e-5)


@dataclasses.dataclass(frozen=True)
class Camera:
    """Takes the photos of one visit; `seed` keeps them apart from the enrolled ones."""

    standard: studio.Standard
    seed: int

    def shoot(self, path, number, checkpoint, taken, place, label="good", orientation=1, **options):
        """Render one photo and write it with EXIF; `orientation` 6 stores it lying on its side, as a phone held upright does."""
        rng = np.random.default_rng([self.seed, number])
        image = studio.photograph(self.standard, checkpoint, label, rng, **options)
        tags = exif(taken, jittered(rng, place), orientation)
        if orientation == 6:
            image = image.transpose(Image.Transpose.ROTATE_90)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(develop.encode(image, rng, tags, self.standard.limits))
        print(path.relative_to(path.parents[1]), path.stat().st_size, flush=True)


def resubmit(source, target):
    """Another visit's photo again: cropped by 5–8 %, brightened a little, saved without EXIF."""
    image = Image.open(source)
    width, height = image.size
    image = image.crop((int(width * 0.05), int(height * 0.06), int(width * 0.95), int(height * 0.94)))
    image = ImageEnhance.Brightness(image).enhance(1.08)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=76)
    target.write_bytes(buffer.getvalue())


def ticket(ticket_id, standard, model, day, hours, home, serial, installer, provider):
    """The `ticket` of POST /v1/inspections; `hours` are the local times the visit began and ended."""
    lat, lon = gcj02(*home)
    return {
        "ticket_id": ticket_id, "category": standard.category, "stage": "after", "model": model, "serial": serial,
        "location": {"lat": round(lat, 6), "lon": round(lon, 6), "datum": "gcj02"},
        "visited_from": f"{day}T{hours[0]}:00+08:00", "visited_to": f"{day}T{hours[1]}:00+08:00",
        "installer_id": installer, "service_provider_id": provider,
    }


def taken(file, checkpoint, when):
    """An entry of `photos_meta` for a photo from the app's camera, `when` in local time."""
    return {"file": file, "checkpoint": checkpoint, "captured_at": f"{when}+08:00", "source": "camera", "device": DEVICE}


def from_album(file, checkpoint):
    """An entry of `photos_meta` for a photo that the app did not take."""
    return {"file": file, "checkpoint": checkpoint, "source": "album"}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
