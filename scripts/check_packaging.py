"""Check what leaves this repository: wheel, release archive, and the files that git tracks.

Prints one line a finding and exits with 1 when there is any.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from setuptools import build_meta

from scripts.release_archive import INTEGRATION, write_archive

ROOT = Path(__file__).resolve().parent.parent

# Where each package of the wheel comes from.
PACKAGES = {
    "secure_pair_protocol": "custom_components/secure_pair/protocol",
    "cloud_stub": "cloud_stub",
    "device_stub": "device_stub",
}
BUILD_FILES = ("LICENSE", "constraints.txt", "pyproject.toml", "setup.py")

# In parts, so that this file does not name them either.
REGISTRIES = (
    ("pypi", "org"),
    ("files", "pythonhosted", "org"),
    ("registry", "npmjs", "org"),
    ("registry", "yarnpkg", "com"),
    ("deb", "debian", "org"),
    ("security", "debian", "org"),
    ("archive", "ubuntu", "com"),
)
# They record addresses.
LOCK_FILES = {"uv.lock", "package-lock.json", "yarn.lock", "poetry.lock"}


def build_wheel(folder: Path) -> zipfile.ZipFile:
    """Build the wheel from a copy: setuptools packs what an old build left behind."""
    copy = folder / "source"
    copy.mkdir()
    for name in BUILD_FILES:
        shutil.copy(ROOT / name, copy)
    for source in PACKAGES.values():
        shutil.copytree(
            ROOT / source,
            copy / source,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    # Setuptools reads the folder it is started in, and says a lot.
    os.chdir(copy)
    output = sys.stdout
    with (folder / "log").open("w") as log:
        sys.stdout = log
        try:
            name = build_meta.build_wheel(str(folder))
        finally:
            sys.stdout = output
            os.chdir(ROOT)
    return zipfile.ZipFile(folder / name)


def check_wheel() -> Iterator[str]:
    """Yield what is missing from the wheel, and what has no business there."""
    with tempfile.TemporaryDirectory() as folder, build_wheel(Path(folder)) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {
        f"{package}/{file.relative_to(ROOT / source).as_posix()}"
        for package, source in PACKAGES.items()
        for file in (ROOT / source).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    for name in sorted(expected - packed):
        yield f"not in the wheel: {name}"
    for name in sorted(packed - expected):
        yield f"in the wheel, but of none of its packages: {name}"


def tracked_files() -> list[Path]:
    """Return the files that git tracks, or would by `git add .`."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        sys.exit("check_packaging: needs git and a git checkout")
    listing = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return [ROOT / name for name in listing.split("\0") if name]


def check_archive() -> Iterator[str]:
    """Yield what the archive of a release lacks of what git tracks, and what it has beyond."""
    expected = {
        file.relative_to(INTEGRATION).as_posix()
        for file in tracked_files()
        if file.is_relative_to(INTEGRATION)
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(write_archive(Path(folder))) as archive,
    ):
        packed = set(archive.namelist())
    for name in sorted(expected ^ packed):
        yield f"in the archive or in git, but not in both: {name}"


def forbidden_text() -> re.Pattern[bytes]:
    """Return a pattern of what no file may say: registries, and where we are."""
    names = [r"\.".join(parts) for parts in REGISTRIES]
    # A path of one part, such as /src, is a word like any other.
    places = {str(path) for path in (ROOT, Path.home()) if len(path.parts[1:]) > 1}
    patterns = [rf"(?<![\w.-]){name}(?![\w-])" for name in names]
    patterns += [rf"(?<![\w.-]){re.escape(place)}(?![\w-])" for place in places]
    return re.compile("|".join(patterns).encode())


def check_files() -> Iterator[str]:
    """Yield every tracked file that names a registry or a path of this machine."""
    forbidden = forbidden_text()
    for file in tracked_files():
        name = file.relative_to(ROOT)
        if file.name in LOCK_FILES:
            yield f"{name}: records addresses of registries"
        if not file.is_file() or file.is_symlink():
            continue
        for number, line in enumerate(file.read_bytes().splitlines(), start=1):
            if found := forbidden.search(line):
                yield f"{name}:{number}: names {found[0].decode()}"


def main() -> int:
    """Run all checks."""
    findings = [*check_wheel(), *check_archive(), *check_files()]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
