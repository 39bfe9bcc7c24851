"""The container files, checked for form: what they name exists, and nothing is lax."""

import re
import shlex
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from typer.testing import CliRunner

from cloud_stub.cli import app

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "cloud_stub" / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", CONTAINERFILE.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def assert_known(arguments: list[str]) -> None:
    """Check that the command takes these arguments, by its own parser."""
    options = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
    shown = CliRunner().invoke(app, [arguments[0], "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert options
    for option in options:
        assert option in shown.stdout


def test_every_file_that_is_copied_is_there() -> None:
    copied = [rest for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    sources = [source for rest in copied for source in shlex.split(rest)[:-1]]
    assert {"cloud_stub", "pyproject.toml"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
    assert {word for word, _ in instructions()} <= {
        *("FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE"),
        *("STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"),
    }


def test_it_is_not_roots_and_starts_what_there_is() -> None:
    last = dict(instructions())
    assert last["USER"].isdigit()
    assert int(last["USER"]) > 0
    assert_known(yaml.safe_load(last["CMD"]))
    assert yaml.safe_load(last["ENTRYPOINT"])[-2:] == ["-m", "cloud_stub"]


def test_the_compose_file_fits_together() -> None:
    described = compose()
    service = described["services"]["key-service"]
    database = described["services"]["database"]
    assert (ROOT / service["build"]["dockerfile"]).resolve() == CONTAINERFILE.resolve()
    assert_known(service["command"])
    assert service["depends_on"]["database"]["condition"] == "service_healthy"
    assert "healthcheck" in database
    url = service["environment"]["SECURE_PAIR_DATABASE"]
    assert url.startswith(f"postgresql://{database['environment']['POSTGRES_USER']}:")
    assert url.endswith(f"@database/{database['environment']['POSTGRES_DB']}")
    used = {volume.split(":")[0] for part in (service, database) for volume in part["volumes"]}
    assert used == set(described["volumes"])
    # The database is nobody's business but the service's.
    assert "ports" not in database
    # No password of its own in the file, and no start without one.
    assert database["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert "${POSTGRES_PASSWORD:?" in url
