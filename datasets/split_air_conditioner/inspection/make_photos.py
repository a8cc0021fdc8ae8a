"""Render one visit's six photos, and the earlier visit one of them was taken from, with their tickets and metadata.

    python make_photos.py            writes ticket.json, photos_meta.json, photos/ and earlier/ beside this file

Same requirements as ../standards/render.py. None of these photos is among the enrolled ones (other seed).
"""

import io
import json
import math
import pathlib
import sys

import numpy as np
from PIL import Image, ImageEnhance

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "standards"))

import develop  # noqa: E402
import render  # noqa: E402

SEED = 20_260_302
CATEGORY = render.CATEGORY
SERIAL = "QH35A2403150042"
# WGS-84, as a phone writes it into EXIF; the ticket system knows the GCJ-02 of its map service.
HOME, EARLIER_HOME = (30.28970, 120.13000), (30.31250, 120.15500)
DAY, EARLIER_DAY, WRONG_DAY = "2025-07-15", "2025-07-08", "2025-07-12"


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


def shoot(path, number, checkpoint, taken, place, label="good", orientation=1, **options):
    """Render one photo and write it with EXIF; `orientation` 6 stores it lying on its side, as a phone held upright does."""
    rng = np.random.default_rng([SEED, number])
    image = render.photograph(checkpoint, label, rng, **options)
    tags = exif(taken, jittered(rng, place), orientation)
    if orientation == 6:
        image = image.transpose(Image.Transpose.ROTATE_90)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(develop.encode(image, rng, tags))
    print(path.relative_to(HERE), path.stat().st_size, flush=True)


def resubmit(source, target):
    """Another visit's photo again: cropped by 5–8 %, brightened a little, saved without EXIF."""
    image = Image.open(source)
    width, height = image.size
    image = image.crop((int(width * 0.05), int(height * 0.06), int(width * 0.95), int(height * 0.94)))
    image = ImageEnhance.Brightness(image).enhance(1.08)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=76)
    target.write_bytes(buffer.getvalue())


def ticket(ticket_id, day, home, serial, installer):
    """The `ticket` of POST /v1/inspections."""
    lat, lon = gcj02(*home)
    return {
        "ticket_id": ticket_id, "category": CATEGORY, "stage": "after", "model": "KFR-35GW/QH1", "serial": serial,
        "location": {"lat": round(lat, 6), "lon": round(lon, 6), "datum": "gcj02"},
        "visited_from": f"{day}T09:30:00+08:00", "visited_to": f"{day}T11:30:00+08:00",
        "installer_id": installer, "service_provider_id": "SP-HZ-01",
    }


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def main():
    earlier, photos = HERE / "earlier", HERE / "photos"
    write_json(HERE / "ticket.json", ticket("AZ20250715-0086", DAY, HOME, SERIAL, "T-0317"))
    write_json(earlier / "earlier-ticket.json", ticket("AZ20250708-0041", EARLIER_DAY, EARLIER_HOME, "QH35A2402280117", "T-0317"))
    entry = {"source": "camera", "device": "rendered with POV-Ray"}
    write_json(HERE / "photos_meta.json", [
        {"file": "01_outdoor_bracket.jpg", "checkpoint": "outdoor_bracket", "captured_at": f"{DAY}T10:12:31+08:00", **entry},
        {"file": "02_pipe_connection.jpg", "checkpoint": "pipe_connection", "captured_at": f"{DAY}T10:25:08+08:00", **entry},
        {"file": "03_outdoor_unit_fixing.jpg", "checkpoint": "outdoor_unit_fixing", "captured_at": f"{DAY}T10:18:44+08:00", **entry},
        {"file": "04_nameplate.jpg", "checkpoint": "nameplate", "captured_at": f"{DAY}T10:40:19+08:00", **entry},
        {"file": "05_drain_pipe.jpg", "checkpoint": "drain_pipe", "source": "album"},
        {"file": "06_indoor_level.jpg", "checkpoint": "indoor_level", "source": "album"},
    ])
    write_json(earlier / "photos_meta.json", [
        {"file": "01_drain_pipe.jpg", "checkpoint": "drain_pipe", "captured_at": f"{EARLIER_DAY}T10:05:12+08:00", **entry},
        {"file": "02_outdoor_bracket.jpg", "checkpoint": "outdoor_bracket", "captured_at": f"{EARLIER_DAY}T10:09:47+08:00", **entry},
    ])
    shoot(photos / "04_nameplate.jpg", 4, "nameplate", f"{DAY}T10:40:19", HOME, serial=SERIAL)
    shoot(earlier / "photos" / "01_drain_pipe.jpg", 11, "drain_pipe", f"{EARLIER_DAY}T10:05:12", EARLIER_HOME)
    resubmit(earlier / "photos" / "01_drain_pipe.jpg", photos / "05_drain_pipe.jpg")
    shoot(photos / "01_outdoor_bracket.jpg", 1, "outdoor_bracket", f"{DAY}T10:12:31", HOME, orientation=6)
    shoot(photos / "02_pipe_connection.jpg", 2, "pipe_connection", f"{DAY}T10:25:08", HOME, label="no_insulation")
    shoot(photos / "03_outdoor_unit_fixing.jpg", 3, "outdoor_unit_fixing", f"{DAY}T10:18:44", HOME, shaken=14.0)
    shoot(photos / "06_indoor_level.jpg", 6, "indoor_level", f"{WRONG_DAY}T16:02:55", HOME)
    shoot(earlier / "photos" / "02_outdoor_bracket.jpg", 12, "outdoor_bracket", f"{EARLIER_DAY}T10:09:47", EARLIER_HOME)


if __name__ == "__main__":
    main()
