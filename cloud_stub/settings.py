"""What an operator can set."""

from dataclasses import dataclass, field

from .limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The service's own choices."""

    grant_lifetime: int = 0
    """Seconds of the device's powered time that a grant lasts, 32 bits; 0: no end."""
    body_limit: int = 16 * 1024
    """The longest body of a request, in bytes."""
    body_seconds: float = 10
    """How long a body may take to arrive."""
    retry_seconds: int = 5
    """What Retry-After says while the database is in trouble."""
    limits: Limits = field(default_factory=Limits)
    metrics_token: str | None = None
    """Who may read the metrics; None: whoever asks from loopback."""
