"""The nine services' own code: it knows entities, ports and other services, and no protocol."""
