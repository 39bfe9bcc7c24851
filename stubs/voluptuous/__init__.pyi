# Home Assistant replaces voluptuous by probatio as soon as it is imported.
from probatio import *
