"""Water in a tank that heats and cools. No entities in here."""

from secure_pair_protocol.model.climate import WaterHeaterOperation as Operation

COLD = 10.0
"""°C of the water from the main."""

ROOM = 20.0
"""°C around the tank."""

AWAY_TARGET = 35.0
BOOST_TARGET = 70.0
BOOST_SECONDS = 3600

WATTS = {
    Operation.OFF: 0,
    Operation.ECO: 1000,
    Operation.HEAT_PUMP: 1500,
    Operation.ELECTRIC: 2000,
    Operation.PERFORMANCE: 3000,
    Operation.HIGH_DEMAND: 4500,
    Operation.GAS: 20_000,
}
"""Heat that reaches the water."""

_LITRES = 120
_JOULES_PER_LITRE_KELVIN = 4186
_LOSS = 2.0
"""Watts a kelvin through the wall."""

_HYSTERESIS = 2.0
"""Kelvins that the water may cool before it is heated again."""


class Tank:
    """The water, its heater, and a control; advanced second by second."""

    def __init__(self) -> None:
        self.operation = Operation.ECO
        self.target = 55.0
        """°C that the user wishes."""
        self.temperature = 40.0
        """°C of the water."""
        self.away = False
        self.boost_left = 0
        """Seconds of more heat."""
        self.leaks = False
        self.heats = False
        self.joules = 0.0
        """All that it has ever used."""
        self.control()

    @property
    def wished(self) -> float:
        """°C that it works towards."""
        if self.boost_left:
            return max(self.target, BOOST_TARGET)
        return min(self.target, AWAY_TARGET) if self.away else self.target

    @property
    def watts(self) -> int:
        """What it takes at this moment."""
        if not self.heats:
            return 0
        operation = Operation.HIGH_DEMAND if self.boost_left else self.operation
        return WATTS[operation]

    @property
    def energy(self) -> float:
        """Kilowatt hours that it has ever used."""
        return self.joules / 3_600_000

    def boost(self, *, on: bool) -> None:
        """Heat with all it has for an hour, or no longer."""
        self.boost_left = BOOST_SECONDS if on else 0
        self.control()

    def leak(self) -> None:
        """Lose water: it goes off, for it may be empty soon."""
        self.leaks = True
        self.operation = Operation.OFF
        self.control()

    def draw(self, litres: float) -> None:
        """Take warm water; cold water follows."""
        share = min(litres / _LITRES, 1)
        self.temperature += (COLD - self.temperature) * share
        self.control()

    def control(self) -> None:
        """Decide whether to heat."""
        if self.operation is Operation.OFF:
            self.boost_left = 0
        if self.operation is Operation.OFF or self.temperature >= self.wished:
            self.heats = False
        elif self.temperature < self.wished - _HYSTERESIS:
            self.heats = True

    def step(self) -> None:
        """Go on for one second."""
        self.control()
        watts = self.watts
        self.joules += watts
        loss = _LOSS * (self.temperature - ROOM)
        self.temperature += (watts - loss) / (_LITRES * _JOULES_PER_LITRE_KELVIN)
        self.boost_left = max(0, self.boost_left - 1)
