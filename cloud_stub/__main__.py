"""``python -m cloud_stub``."""

from .cli import app

app(prog_name="python -m cloud_stub")
