"""Where the virtual devices are: at the other end of a cable, if this machine lets us lay one.

Home Assistant looks for devices on every network but loopback. `scripts/e2e` starts all of this
in a network namespace of its own, where this makes a second one, for the devices. Both go with
the last process in them.
"""

import os
from dataclasses import dataclass

from scripts.demo_app.cast import Cast
from scripts.demo_app.process import run_program

IS_ALONE = "SECURE_PAIR_E2E_NAMESPACE"
"""Set in the environment where the network is ours alone."""

HOME_ADDRESS, DEVICES_ADDRESS = "10.77.0.1", "10.77.0.2"
DEVICES_NETWORK = "the devices' network"
HOLD_SECONDS = 3600

_MULTICAST = "224.0.0.0/4"


@dataclass(frozen=True)
class Network:
    """Where a device listens, and how its process gets there."""

    host: str = "127.0.0.1"
    entrance: tuple[str, ...] = ()
    """What a command begins with that is to run there."""

    @property
    def finds_devices(self) -> bool:
        """Tell whether Home Assistant hears what devices announce."""
        return bool(self.entrance)


async def lay_cable(cast: Cast) -> Network:
    """Return the network of the devices: loopback where this one is not ours alone."""
    if not os.environ.get(IS_ALONE):
        return Network()
    # Nobody but its processes knows the second one; this one lasts as long as the devices.
    hold = ["unshare", "--net", "sh", "-c", f"echo ready; exec sleep {HOLD_SECONDS}"]
    pid = await cast.hold(DEVICES_NETWORK, hold)
    entrance = ("nsenter", "--target", str(pid), "--net")
    home, devices = "to-devices", "to-home"
    for here in (
        "link set lo up",
        f"link add {home} type veth peer name {devices} netns {pid}",
        f"address add {HOME_ADDRESS}/24 dev {home}",
        f"link set {home} up",
        f"route add {_MULTICAST} dev {home}",
    ):
        await run_program("ip", *here.split())
    for there in (
        "link set lo up",
        f"address add {DEVICES_ADDRESS}/24 dev {devices}",
        f"link set {devices} up",
        f"route add {_MULTICAST} dev {devices}",
    ):
        await run_program(*entrance, "ip", *there.split())
    return Network(DEVICES_ADDRESS, entrance)
