"""What every appliance's `render.py` shares: POV-Ray, the plan of photos, and the folders of `shifu eval inspection`.

Needs POV-Ray 3.7 and Python 3.11 with numpy and Pillow; labels also need a Noto CJK font.
A photo that exists is kept, so an interrupted run goes on where it stopped.
"""

import argparse
import dataclasses
import pathlib
import shutil
import subprocess
import tempfile
import typing

import numpy as np

import develop

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Standard:
    """The photos of one standard."""

    category: str
    # The folder of its scripts; its own POV-Ray files are there, and the photos in the folder `category` below it.
    folder: pathlib.Path
    seed: int
    # Checkpoint, label, how many. A photo's seed is (seed, line of this table, number of the photo).
    plan: list
    # Good photos from this number on are never enrolled in an evaluation: they are the checkpoint's test split.
    first_test_photo: dict
    # scene(checkpoint, defect or None, rng, folder for pictures it needs, serial or None) gives the POV-Ray text.
    scene: typing.Callable
    limits: develop.Limits = develop.Limits()


def trace(scene, folder, library, povray="povray"):
    """Render one scene text to linear light; `library` holds the appliance's own include files."""
    source, target = folder / "scene.pov", folder / "scene.ppm"
    source.write_text(scene)
    command = [povray, f"+I{source}", f"+O{target}", "+FP16", "File_Gamma=1.0", "+W800", "+H600", "+A0.3", "+AM1", "+R2"]
    command += ["+WT1", "-D", "-GA", f"+L{library}", f"+L{HERE}", f"+L{folder}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"povray failed on {source}:\n" + done.stderr[-3000:])
    return develop.read_linear(target)


def photograph(standard, checkpoint, label, rng, povray="povray", serial=None, **options):
    """One upright photo: the checkpoint's scene with the label's defect, developed. `serial` is for a nameplate."""
    defect = None if label == "good" else label
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        scene = standard.scene(checkpoint, defect, rng, folder, serial)
        return develop.develop(trace(scene, folder, standard.folder, povray), rng, **options)


def render_all(standard, out, only, povray):
    """Every photo of the plan that is not there yet."""
    for line, (checkpoint, label, count) in enumerate(standard.plan):
        if only and not {checkpoint, f"{checkpoint}/{label}"} & set(only):
            continue
        folder = out / checkpoint / label
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            path = folder / f"{number:03}.jpg"
            if path.exists():
                continue
            rng = np.random.default_rng([standard.seed, line, number])
            image = photograph(standard, checkpoint, label, rng, povray)
            path.write_bytes(develop.encode(image, rng, limits=standard.limits))
            print(path.relative_to(out), path.stat().st_size, flush=True)


def lay_out_mvtec(standard, checkpoint, out):
    """train/good, test/good and test/<violation> from the enrolled photos of one checkpoint."""
    first = standard.first_test_photo[checkpoint]
    for source in sorted((standard.folder / standard.category / checkpoint).glob("*/*.jpg")):
        label = source.parent.name
        train = label == "good" and int(source.stem) < first
        target = out / ("train" if train else "test") / label / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def main(standard, usage):
    """The command line of an appliance's `render.py`."""
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=standard.folder / standard.category)
    parser.add_argument("--only", nargs="+", metavar="CHECKPOINT[/LABEL]")
    parser.add_argument("--mvtec", metavar="CHECKPOINT", choices=sorted(standard.first_test_photo))
    parser.add_argument("--povray", default="povray")
    arguments = parser.parse_args()
    if arguments.mvtec:
        lay_out_mvtec(standard, arguments.mvtec, arguments.out)
    else:
        render_all(standard, arguments.out, arguments.only, arguments.povray)
