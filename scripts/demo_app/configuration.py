"""Home Assistant's configuration folder."""

import json
from pathlib import Path

CONFIGURATION = """\
# Written by the demo when it was not there.
homeassistant:
  name: Secure Pair demo
  unit_system: metric
  time_zone: Europe/Amsterdam
  latitude: 52.37
  longitude: 4.89
  elevation: 2
  country: NL
  currency: EUR
  language: en

config:
history:
logbook:

# It is no harm that there is neither ffmpeg nor libturbojpeg.
logger:
  default: warning
  logs:
    haffmpeg: critical
    homeassistant.components.camera.img_util: critical

automation: !include automations.yaml
script: !include scripts.yaml
scene: !include scenes.yaml
"""
DEFAULTS = {
    "configuration.yaml": CONFIGURATION,
    "automations.yaml": "[]\n",
    "scripts.yaml": "{}\n",
    "scenes.yaml": "[]\n",
}


def write_configuration(folder: Path, integration: Path, port: int) -> None:
    """Make the folder, with the integration linked into it; what a user has changed stays."""
    storage = folder / ".storage"
    storage.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in DEFAULTS.items():
        if not (folder / name).exists():
            (folder / name).write_text(text)
    link = folder / "custom_components" / integration.name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(integration, target_is_directory=True)
    # The first version of this file; Home Assistant completes it. In the YAML it would be
    # a trial, which ends after five minutes.
    _store(storage, "http", 1, {"server_host": ["127.0.0.1"], "server_port": port})
    if not (storage / "onboarding").exists():
        # A new user is asked for nothing more than who he is.
        _store(storage, "onboarding", 4, {"done": ["core_config", "analytics", "integration"]})


def _store(storage: Path, key: str, version: int, data: object) -> None:
    content = {"version": version, "minor_version": 1, "key": key, "data": data}
    (storage / key).write_text(json.dumps(content))
