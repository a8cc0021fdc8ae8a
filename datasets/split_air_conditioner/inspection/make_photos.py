"""Render one visit's six photos, and the earlier visit one of them was taken from, with their tickets and metadata.

    python make_photos.py            writes ticket.json, photos_meta.json, photos/ and earlier/ beside this file

Same requirements as ../standards/render.py. None of these photos is among the enrolled ones (other seed).
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "standards"))

import render  # noqa: E402  (it makes ../../photos importable)
from visit import Camera, from_album, resubmit, taken, ticket, write_json  # noqa: E402

SERIAL = "QH35A2403150042"
# WGS-84, as a phone writes it into EXIF; the ticket system knows the GCJ-02 of its map service.
HOME, EARLIER_HOME = (30.28970, 120.13000), (30.31250, 120.15500)
DAY, EARLIER_DAY, WRONG_DAY = "2025-07-15", "2025-07-08", "2025-07-12"


def visit(ticket_id, day, home, serial):
    return ticket(ticket_id, render.STANDARD, "KFR-35GW/QH1", day, ("09:30", "11:30"), home, serial, "T-0317", "SP-HZ-01")


def main():
    earlier, photos = HERE / "earlier", HERE / "photos"
    write_json(HERE / "ticket.json", visit("AZ20250715-0086", DAY, HOME, SERIAL))
    write_json(earlier / "earlier-ticket.json", visit("AZ20250708-0041", EARLIER_DAY, EARLIER_HOME, "QH35A2402280117"))
    write_json(HERE / "photos_meta.json", [
        taken("01_outdoor_bracket.jpg", "outdoor_bracket", f"{DAY}T10:12:31"),
        taken("02_pipe_connection.jpg", "pipe_connection", f"{DAY}T10:25:08"),
        taken("03_outdoor_unit_fixing.jpg", "outdoor_unit_fixing", f"{DAY}T10:18:44"),
        taken("04_nameplate.jpg", "nameplate", f"{DAY}T10:40:19"),
        from_album("05_drain_pipe.jpg", "drain_pipe"),
        from_album("06_indoor_level.jpg", "indoor_level"),
    ])
    write_json(earlier / "photos_meta.json", [
        taken("01_drain_pipe.jpg", "drain_pipe", f"{EARLIER_DAY}T10:05:12"),
        taken("02_outdoor_bracket.jpg", "outdoor_bracket", f"{EARLIER_DAY}T10:09:47"),
    ])
    camera = Camera(render.STANDARD, seed=20_260_302)
    camera.shoot(photos / "04_nameplate.jpg", 4, "nameplate", f"{DAY}T10:40:19", HOME, serial=SERIAL)
    camera.shoot(earlier / "photos" / "01_drain_pipe.jpg", 11, "drain_pipe", f"{EARLIER_DAY}T10:05:12", EARLIER_HOME)
    resubmit(earlier / "photos" / "01_drain_pipe.jpg", photos / "05_drain_pipe.jpg")
    camera.shoot(photos / "01_outdoor_bracket.jpg", 1, "outdoor_bracket", f"{DAY}T10:12:31", HOME, orientation=6)
    camera.shoot(photos / "02_pipe_connection.jpg", 2, "pipe_connection", f"{DAY}T10:25:08", HOME, label="no_insulation")
    camera.shoot(photos / "03_outdoor_unit_fixing.jpg", 3, "outdoor_unit_fixing", f"{DAY}T10:18:44", HOME, shaken=14.0)
    camera.shoot(photos / "06_indoor_level.jpg", 6, "indoor_level", f"{WRONG_DAY}T16:02:55", HOME)
    camera.shoot(earlier / "photos" / "02_outdoor_bracket.jpg", 12, "outdoor_bracket", f"{EARLIER_DAY}T10:09:47", EARLIER_HOME)


if __name__ == "__main__":
    main()
