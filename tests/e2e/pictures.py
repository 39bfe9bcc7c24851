"""Which of the pictures go into the documents, and how small they get."""

from pathlib import Path

from PIL import Image

WIDTH = 900
COLOURS = 128
MOST_BYTES = 120_000

CHOSEN = ("discovered", "setup-code", "pairing", "device", "washing-machine", "repair")


def publish(pictures: Path, folder: Path) -> None:
    """Write those that were chosen into the folder of the documents."""
    folder.mkdir(exist_ok=True)
    for name in CHOSEN:
        with Image.open(pictures / f"{name}.png") as taken:
            height = round(taken.height * WIDTH / taken.width)
            small = taken.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
            path = folder / f"{name}.png"
            # Not every method keeps white white.
            flat = small.quantize(
                COLOURS, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE
            )
            flat.save(path, optimize=True)
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ValueError(f"{path} has {size} bytes")
