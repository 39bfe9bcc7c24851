"""The package list: what pyproject.toml cannot say.

HACS copies ``custom_components/secure_pair/`` and nothing else, so the protocol
lives inside it. The key service and the virtual devices import the same folder
as ``secure_pair_protocol``, without Home Assistant. Setuptools can map a name
onto a folder, or find packages by itself, but not both without this file.
"""

from setuptools import find_packages, setup

NAME = "secure_pair_protocol"
FOLDER = "custom_components/secure_pair/protocol"

setup(
    package_dir={NAME: FOLDER},
    packages=[
        NAME,
        *(f"{NAME}.{package}" for package in find_packages(FOLDER)),
        *find_packages(include=["cloud_stub*", "device_stub*"]),
    ],
    # Every file of theirs, not only the code.
    package_data={"": ["**/*"]},
    exclude_package_data={"": ["**/__pycache__/*"]},
)
