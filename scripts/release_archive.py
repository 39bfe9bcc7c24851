"""Make what a release consists of: secure_pair.zip, and the notes that stand beside it.

The archive has the integration's files at its root: HACS, and a user by hand, unzip it into
custom_components/secure_pair. The same files make the same bytes.
"""

import argparse
import json
import re
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTEGRATION = ROOT / "custom_components" / "secure_pair"
CHANGELOG = ROOT / "CHANGELOG.md"

_NO_TIME = (1980, 1, 1, 0, 0, 0)
"""The first that a zip file knows."""


def version() -> str:
    """Return the version that the manifest has."""
    return str(json.loads((INTEGRATION / "manifest.json").read_text())["version"])


def archive_name() -> str:
    """Return the name of the file that HACS looks for."""
    return str(json.loads((ROOT / "hacs.json").read_text())["filename"])


def files() -> dict[str, Path]:
    """Return what goes into the archive, by its name there."""
    return {
        file.relative_to(INTEGRATION).as_posix(): file
        for file in sorted(INTEGRATION.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


def write_archive(folder: Path) -> Path:
    """Write the archive into a folder, and return where it is."""
    path = folder / archive_name()
    with zipfile.ZipFile(path, "w") as archive:
        for name, file in files().items():
            info = zipfile.ZipInfo(name, _NO_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            # As on Unix, wherever it is made: a file that all may read.
            info.create_system, info.external_attr = 3, 0o100644 << 16
            archive.writestr(info, file.read_bytes())
    return path


def notes(changelog: str, of_version: str) -> str:
    """Return what the changelog says of a version; raises ValueError if it is not released."""
    for section in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        name, _, day = heading.partition(", ")
        if name != of_version:
            continue
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
            msg = f"the changelog has no day for {of_version}, but {day!r}"
            raise ValueError(msg)
        return text.strip() + "\n"
    msg = f"the changelog does not know {of_version}"
    raise ValueError(msg)


def main() -> int:
    """Write the archive; for a tag, check that it is the version's, and write the notes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "dist")
    parser.add_argument("--tag", help="the tag that is released: v and the version")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.tag is not None:
        if arguments.tag != f"v{version()}":
            print(f"the tag is {arguments.tag}, the version {version()}", file=sys.stderr)
            return 1
        try:
            text = notes(CHANGELOG.read_text(), version())
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        (folder / "notes.md").write_text(text)
    print(write_archive(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
