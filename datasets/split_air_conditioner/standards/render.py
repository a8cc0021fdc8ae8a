"""Render the enrolment photos of `split_air_conditioner_install` with POV-Ray, and develop them like phone photos.

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

PLAN = [
    ("outdoor_bracket", "good", 48),
    ("outdoor_bracket", "missing_bolt", 12),
    ("outdoor_bracket", "rusted_bracket", 12),
    ("pipe_connection", "good", 48),
    ("pipe_connection", "no_insulation", 12),
    ("pipe_connection", "unsealed_wall_hole", 12),
    ("nameplate", "good", 8),
    ("indoor_level", "good", 6),
    ("power_wiring", "good", 6),
    ("drain_pipe", "good", 6),
    ("outdoor_unit_fixing", "good", 6),
    ("environment", "good", 6),
]


def scene(checkpoint, defect, rng, folder, serial=None):
    """The POV-Ray text of one visit's photo."""
    if checkpoint == "nameplate":
        return small_scenes.nameplate(rng, folder, serial or small_scenes.random_serial(rng))
    return (getattr(scenes, checkpoint, None) or getattr(small_scenes, checkpoint))(rng, defect)


STANDARD = studio.Standard(
    category="split_air_conditioner_install", folder=HERE, seed=20_260_301, plan=PLAN,
    first_test_photo={"outdoor_bracket": 37, "pipe_connection": 37}, scene=scene,
)

if __name__ == "__main__":
    studio.main(STANDARD, __doc__)
