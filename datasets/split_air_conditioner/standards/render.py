"""Render the enrolment photos of `split_air_conditioner_install` with POV-Ray, and develop them like phone photos.

    python render.py [--out DIR] [--only CHECKPOINT[/LABEL] …] [--povray PROGRAM]
    python render.py --mvtec CHECKPOINT --out DIR        lay enrolled photos out for `shifu eval inspection`

Needs POV-Ray 3.7 and Python 3.11 with numpy and Pillow; the nameplate also needs a Noto CJK font.
A photo that exists is kept, so an interrupted run goes on where it stopped.
"""

import argparse
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np

import develop
import scenes
import small_scenes

HERE = pathlib.Path(__file__).resolve().parent
CATEGORY = "split_air_conditioner_install"
SEED = 20_260_301
# Checkpoint, label, how many. A photo's seed is (SEED, line of this table, number of the photo).
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
# Good photos of a big checkpoint from this number on are never enrolled in an evaluation: they are its test split.
FIRST_TEST_PHOTO = 37


def trace(scene, folder, povray="povray"):
    """Render one scene text to linear light."""
    source, target = folder / "scene.pov", folder / "scene.ppm"
    source.write_text(scene)
    command = [povray, f"+I{source}", f"+O{target}", "+FP16", "File_Gamma=1.0", "+W800", "+H600", "+A0.3", "+AM1", "+R2"]
    command += ["+WT1", "-D", "-GA", f"+L{HERE}", f"+L{folder}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"povray failed on {source}:\n" + done.stderr[-3000:])
    return develop.read_linear(target)


def photograph(checkpoint, label, rng, povray="povray", serial=None, **options):
    """One upright photo: the checkpoint's scene with the label's defect, developed. `serial` is for a nameplate."""
    defect = None if label == "good" else label
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if checkpoint == "nameplate":
            scene = small_scenes.nameplate(rng, folder, serial or small_scenes.random_serial(rng))
        else:
            scene = getattr(scenes, checkpoint, None) or getattr(small_scenes, checkpoint)
            scene = scene(rng, defect)
        return develop.develop(trace(scene, folder, povray), rng, **options)


def render_all(out, only, povray):
    """Every photo of the plan that is not there yet."""
    for line, (checkpoint, label, count) in enumerate(PLAN):
        if only and not {checkpoint, f"{checkpoint}/{label}"} & set(only):
            continue
        folder = out / checkpoint / label
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            path = folder / f"{number:03}.jpg"
            if path.exists():
                continue
            rng = np.random.default_rng([SEED, line, number])
            path.write_bytes(develop.encode(photograph(checkpoint, label, rng, povray), rng))
            print(path.relative_to(out), path.stat().st_size, flush=True)


def lay_out_mvtec(checkpoint, out):
    """train/good, test/good and test/<violation> from the enrolled photos of one checkpoint."""
    for source in sorted((HERE / CATEGORY / checkpoint).glob("*/*.jpg")):
        label = source.parent.name
        train = label == "good" and int(source.stem) < FIRST_TEST_PHOTO
        target = out / ("train" if train else "test") / label / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / CATEGORY)
    parser.add_argument("--only", nargs="+", metavar="CHECKPOINT[/LABEL]")
    parser.add_argument("--mvtec", metavar="CHECKPOINT")
    parser.add_argument("--povray", default="povray")
    arguments = parser.parse_args()
    if arguments.mvtec:
        lay_out_mvtec(arguments.mvtec, arguments.out)
    else:
        render_all(arguments.out, arguments.only, arguments.povray)


if __name__ == "__main__":
    main()
