"""A bundled checkpoint in MVTec layout, its last 12 good photos held out: bundled_photos.py CHECKPOINT_DIR OUT_DIR"""

import pathlib
import sys

from prepare import link


def main(checkpoint: str, out: str) -> None:
    for folder in sorted(p for p in pathlib.Path(checkpoint).iterdir() if p.is_dir()):
        photos = sorted(folder.glob("*.jpg"))
        train = len(photos) - 12 if folder.name == "good" else 0
        for number, photo in enumerate(photos):
            link(photo, pathlib.Path(out, "train" if number < train else "test", folder.name))


if __name__ == "__main__":
    main(*sys.argv[1:])
