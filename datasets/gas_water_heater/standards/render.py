"""Render the enrolment photos of `gas_water_heater_install` with POV-Ray, and develop them like phone photos.

    python render.py [--out DIR] [--only CHECKPOINT[/LABEL] …] [--povray PROGRAM]
    python render.py --mvtec CHECKPOINT --out DIR        lay enrolled photos out for `shifu eval inspection`

The machinery and what it needs: ../../photos/studio.py.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "photos"))

import scenes  # noqa: E402
import small_scenes  # noqa: E402
import studio  # noqa: E402
from develop import Limits  # noqa: E402

PLAN = [
    ("gas_connection", "good", 140),
    ("gas_connection", "rubber_hose", 12),
    ("gas_connection", "no_valve", 12),
    ("flue_indoor", "good", 54),
    ("flue_indoor", "aluminium_hose", 12),
    ("flue_indoor", "joint_unsealed", 12),
    ("gas_type", "good", 6),
    ("co_reading", "good", 6),
    ("flue_terminal", "good", 6),
    ("water_and_relief", "good", 6),
    ("power_socket", "good", 6),
    ("wall_fixing", "good", 6),
]
LABELLED = {"gas_type", "co_reading"}  # Scenes with printed labels.


def scene(checkpoint, defect, rng, folder, serial=None):
    """The POV-Ray text of one visit's photo."""
    made = getattr(scenes, checkpoint, None) or getattr(small_scenes, checkpoint)
    if checkpoint in LABELLED:
        return made(rng, defect, folder, serial or small_scenes.random_serial(rng))
    return made(rng, defect)


STANDARD = studio.Standard(
    category="gas_water_heater_install", folder=HERE, seed=20_260_311, plan=PLAN,
    first_test_photo={"gas_connection": 125, "flue_indoor": 43}, scene=scene, limits=Limits(34_000, 74_000, 50),
)

if __name__ == "__main__":
    studio.main(STANDARD, __doc__)
