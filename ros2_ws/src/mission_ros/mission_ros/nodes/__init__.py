"""The nodes. Each is wiring: parameters, conversions, one core object."""
