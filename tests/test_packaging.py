"""What hassfest and HACS ask of a custom integration, before they are asked themselves."""

import json
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from homeassistant.const import Platform
from homeassistant.const import __version__ as home_assistant
from homeassistant.util.yaml import parse_yaml

from scripts import release_archive

ROOT = Path(__file__).parent.parent
INTEGRATION = ROOT / "custom_components" / "secure_pair"


def read_json(path: str) -> Any:
    return json.loads((ROOT / path).read_text())


MANIFEST: dict[str, Any] = read_json("custom_components/secure_pair/manifest.json")


# manifest.json


KEYS = {
    "domain", "name", "codeowners", "documentation", "iot_class", "version", "issue_tracker",
    "integration_type", "config_flow", "zeroconf", "dhcp", "requirements", "dependencies",
    "after_dependencies", "loggers", "single_config_entry", "quality_scale", "import_executor",
    "preview_features", "disabled",
}  # fmt: skip
"""hassfest refuses any other key."""
REQUIRED = {"domain", "name", "codeowners", "documentation", "iot_class", "version"}
ASKED_BY_HACS = {"domain", "documentation", "issue_tracker", "codeowners", "name", "version"}


def test_keys_of_the_manifest() -> None:
    assert REQUIRED | ASKED_BY_HACS <= set(MANIFEST) <= KEYS


def test_order_of_the_manifest() -> None:
    first, second, *others = MANIFEST
    assert (first, second) == ("domain", "name")
    assert others == sorted(others)


def test_values_of_the_manifest() -> None:
    assert MANIFEST["domain"] == INTEGRATION.name
    assert MANIFEST["iot_class"] == "local_push"
    assert MANIFEST["integration_type"] == "device"
    assert MANIFEST["config_flow"] is True
    assert (INTEGRATION / "config_flow.py").is_file()
    assert all(owner.startswith("@") for owner in MANIFEST["codeowners"])
    for key in ("documentation", "issue_tracker"):
        assert re.fullmatch(r"https://[^\s]+", MANIFEST[key])
        assert not MANIFEST[key].startswith("https://www.home-assistant.io/integrations")


def test_version_is_one_that_the_loader_takes() -> None:
    version = AwesomeVersion(MANIFEST["version"])
    assert version.strategy in {
        AwesomeVersionStrategy.CALVER,
        AwesomeVersionStrategy.SEMVER,
        AwesomeVersionStrategy.SIMPLEVER,
        AwesomeVersionStrategy.BUILDVER,
        AwesomeVersionStrategy.PEP440,
    }
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text()


def test_requirements_are_pinned_and_not_those_of_home_assistant() -> None:
    for requirement in MANIFEST["requirements"]:
        name, pinned = re.fullmatch(r"([a-z0-9-]+)==(\d[\w.]*)", requirement).groups()  # type: ignore[union-attr]
        assert name not in {"cryptography", "aiohttp", "yarl", "voluptuous"}
        assert f"{name}=={pinned}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_zeroconf() -> None:
    """As the device announces it, lower case, and long enough for nobody else's."""
    (matcher,) = MANIFEST["zeroconf"]
    assert re.fullmatch(r"_[a-z0-9-]{1,15}\._tcp\.local\.", matcher)
    assert matcher in (ROOT / "device_stub" / "announce.py").read_text()


def test_what_is_imported_of_home_assistants_components_is_declared() -> None:
    declared = {*MANIFEST.get("dependencies", ()), *MANIFEST.get("after_dependencies", ())}
    imported = re.compile(r"^from homeassistant\.components(?:\.(\w+)| import (\w+))", re.MULTILINE)
    for path in INTEGRATION.glob("*.py"):
        # A module of the same name is a platform of that component.
        free = {*(platform.value for platform in Platform), path.stem}
        for names in imported.findall(path.read_text()):
            assert set(names) - {""} <= free | declared, path


def test_nothing_of_core_is_replaced() -> None:
    import homeassistant.components  # noqa: PLC0415

    (core,) = homeassistant.components.__path__
    assert not (Path(core) / MANIFEST["domain"]).exists()


def test_config_schema_says_that_there_is_no_yaml() -> None:
    """hassfest warns of an `async_setup` without."""
    source = (INTEGRATION / "__init__.py").read_text()
    assert "async def async_setup(" in source
    assert "CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)" in source


# icons.json, services.yaml, translations


MDI = re.compile(r"mdi:[a-z0-9]+(-[a-z0-9]+)*")


def test_icons() -> None:
    icons = read_json("custom_components/secure_pair/icons.json")
    assert set(icons) <= {"entity", "services", "triggers", "conditions", "config", "options"}
    for platform, entities in icons["entity"].items():
        assert platform in set(Platform)
        for key, icon in entities.items():
            assert set(icon) <= {"default", "state", "range", "state_attributes"}, key
            assert MDI.fullmatch(icon["default"]), key
            for found in icon.get("state", {}).values():
                assert MDI.fullmatch(found), key
                # hassfest: a state that says what the default says is one too many.
                assert found != icon["default"], key
            steps = [float(step) for step in icon.get("range", {})]
            assert steps == sorted(set(steps)), key
    for name, service in icons["services"].items():
        assert set(service) == {"service"}, name
        assert MDI.fullmatch(service["service"]), name


def test_actions_have_texts_and_no_texts_of_their_own() -> None:
    described: Any = parse_yaml((INTEGRATION / "services.yaml").read_text())
    texts = read_json("custom_components/secure_pair/translations/en.json")["services"]
    assert set(described) == set(texts)
    for name, service in described.items():
        assert set(service) <= {"target", "fields"}, name
        assert set(service["fields"]) == set(texts[name]["fields"]), name
        for field in service["fields"].values():
            assert set(field) <= {"required", "example", "default", "selector", "advanced"}
            assert len(field["selector"]) == 1


def test_texts_are_where_a_custom_integration_has_them() -> None:
    assert not (INTEGRATION / "strings.json").exists()
    languages = {path.name for path in (INTEGRATION / "translations").iterdir()}
    assert "en.json" in languages
    assert all(re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?\.json", name) for name in languages)


@pytest.mark.parametrize("path", sorted(INTEGRATION.rglob("*.json")), ids=lambda path: path.name)
def test_no_key_is_there_twice(path: Path) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        assert len(found) == len(pairs), [key for key, _ in pairs]
        return found

    json.loads(path.read_text(), object_pairs_hook=once)


# The brand


@pytest.mark.parametrize(("name", "size"), [("icon.png", 256), ("icon@2x.png", 512)])
def test_icon(name: str, size: int) -> None:
    data = (INTEGRATION / "brand" / name).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data[12:16] == b"IHDR"
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    assert (width, height, depth) == (size, size, 8)
    # With transparency: of its own, or in its palette.
    assert colour in {4, 6} or b"tRNS" in data


def test_brand_has_nothing_that_would_be_ignored() -> None:
    allowed = {
        f"{dark}{kind}{double}.png"
        for dark in ("", "dark_")
        for kind in ("icon", "logo")
        for double in ("", "@2x")
    }
    assert {path.name for path in (INTEGRATION / "brand").iterdir()} <= allowed


# The repository


def test_hacs_json() -> None:
    content = read_json("hacs.json")
    assert set(content) <= {
        "name", "content_in_root", "country", "filename", "hacs", "hide_default_branch",
        "homeassistant", "persistent_directory", "render_readme", "zip_release",
    }  # fmt: skip
    assert content["name"] == MANIFEST["name"]
    # HACS downloads this file of a release; without one it would take the whole branch.
    assert content["zip_release"] is True
    assert content["hide_default_branch"] is True
    assert content["filename"] == f"{MANIFEST['domain']}.zip"
    floor = AwesomeVersion(content["homeassistant"])
    assert floor.strategy is AwesomeVersionStrategy.CALVER
    assert floor <= AwesomeVersion(home_assistant)


def test_exactly_one_integration() -> None:
    folders = {
        path.name
        for path in INTEGRATION.parent.iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    assert folders == {"secure_pair"}
    assert not list((ROOT / "tests").rglob("manifest.json"))


def test_one_floor_for_home_assistant() -> None:
    floor = read_json("hacs.json")["homeassistant"].removesuffix(".0")
    for document in ("README.md", "docs/user.md"):
        assert f"Home Assistant {floor} or newer" in (ROOT / document).read_text(), document


def test_what_hacs_shows() -> None:
    assert (ROOT / "README.md").read_text().startswith("# Secure Pair\n")
    licence = (ROOT / "LICENSE").read_text()
    assert licence.startswith("MIT License\n")
    assert "Permission is hereby granted, free of charge" in licence


# The archive of a release


def test_archive_has_the_integration_at_its_root(tmp_path: Path) -> None:
    """HACS unzips it into custom_components/secure_pair."""
    with zipfile.ZipFile(release_archive.write_archive(tmp_path)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert archive.read("manifest.json") == (INTEGRATION / "manifest.json").read_bytes()
    assert {"__init__.py", "brand/icon.png", "protocol/keys.py", "translations/en.json"} <= {*names}
    assert len(names) == len({*names})
    assert not [name for name in names if name.startswith(("/", ".")) or ".." in name]
    assert not [name for name in names if "__pycache__" in name]


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    first, second = (release_archive.write_archive(folder).read_bytes() for folder in folders)
    assert first == second


LOG = """\
# Changelog

## 0.2.0, unreleased
More.

## 0.1.0, 2026-12-01
The first.

- A line.
"""


def test_notes_of_a_release() -> None:
    assert release_archive.notes(LOG, "0.1.0") == "The first.\n\n- A line.\n"


@pytest.mark.parametrize(("version", "why"), [("0.2.0", "no day"), ("0.3.0", "does not know")])
def test_no_release_without_its_day_in_the_changelog(version: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        release_archive.notes(LOG, version)


def test_changelog_knows_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"\n## {MANIFEST['version']}, " in changelog
