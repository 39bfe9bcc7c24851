"""The demo: a lock, a key service and Home Assistant, each a process of its own."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
