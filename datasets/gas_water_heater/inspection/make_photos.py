"""Render one visit's seven photos, and the earlier visit one of them was taken from, with their tickets and metadata.

    python make_photos.py            writes ticket.json, photos_meta.json, photos/ and earlier/ beside this file

Same requirements as ../standards/render.py. None of these photos is among the enrolled ones (other seed).
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "standards"))

import render  # noqa: E402  (it makes ../../photos importable)
from visit import Camera, from_album, resubmit, taken, ticket, write_json  # noqa: E402

SERIAL = "XQ202503184206"
# WGS-84, as a phone writes it into EXIF; the ticket system knows the GCJ-02 of its map service.
HOME, EARLIER_HOME = (29.56210, 106.57730), (29.58840, 106.53160)
DAY, EARLIER_DAY, WRONG_DAY = "2025-10-21", "2025-10-14", "2025-10-18"


def visit(ticket_id, day, hours, home, serial):
    return ticket(ticket_id, render.STANDARD, "JSQ26-XQ5", day, hours, home, serial, "T-1108", "SP-CQ-02")


def main():
    earlier, photos = HERE / "earlier", HERE / "photos"
    write_json(HERE / "ticket.json", visit("AZ20251021-0233", DAY, ("14:00", "16:00"), HOME, SERIAL))
    write_json(earlier / "earlier-ticket.json", visit("AZ20251014-0157", EARLIER_DAY, ("09:00", "11:00"), EARLIER_HOME, "XQ202501067731"))
    write_json(HERE / "photos_meta.json", [
        taken("01_gas_connection.jpg", "gas_connection", f"{DAY}T15:02:17"),
        taken("02_flue_indoor.jpg", "flue_indoor", f"{DAY}T14:46:50"),
        taken("03_flue_terminal.jpg", "flue_terminal", f"{DAY}T14:52:33"),
        taken("04_co_reading.jpg", "co_reading", f"{DAY}T15:41:08"),
        from_album("05_power_socket.jpg", "power_socket"),
        from_album("06_wall_fixing.jpg", "wall_fixing"),
        taken("07_water_and_relief.jpg", "water_and_relief", f"{DAY}T15:10:26"),
    ])
    write_json(earlier / "photos_meta.json", [
        taken("01_power_socket.jpg", "power_socket", f"{EARLIER_DAY}T10:20:41"),
        taken("02_gas_connection.jpg", "gas_connection", f"{EARLIER_DAY}T10:02:09"),
    ])
    camera = Camera(render.STANDARD, seed=20_260_312)
    camera.shoot(photos / "04_co_reading.jpg", 4, "co_reading", f"{DAY}T15:41:08", HOME, serial=SERIAL)
    camera.shoot(earlier / "photos" / "01_power_socket.jpg", 11, "power_socket", f"{EARLIER_DAY}T10:20:41", EARLIER_HOME)
    resubmit(earlier / "photos" / "01_power_socket.jpg", photos / "05_power_socket.jpg")
    camera.shoot(photos / "01_gas_connection.jpg", 1, "gas_connection", f"{DAY}T15:02:17", HOME, label="rubber_hose")
    camera.shoot(photos / "02_flue_indoor.jpg", 2, "flue_indoor", f"{DAY}T14:46:50", HOME, orientation=6)
    camera.shoot(photos / "03_flue_terminal.jpg", 3, "flue_terminal", f"{DAY}T14:52:33", HOME, shaken=14.0)
    camera.shoot(photos / "06_wall_fixing.jpg", 6, "wall_fixing", f"{WRONG_DAY}T11:27:12", HOME)
    camera.shoot(photos / "07_water_and_relief.jpg", 7, "water_and_relief", f"{DAY}T15:10:26", HOME)
    camera.shoot(earlier / "photos" / "02_gas_connection.jpg", 12, "gas_connection", f"{EARLIER_DAY}T10:02:09", EARLIER_HOME)


if __name__ == "__main__":
    main()
