"""One module a technology; each keeps the promises stated in :mod:`runtime.ports`."""
