"""Events over real brokers, and what the compiler makes of AsyncAPI for them."""
