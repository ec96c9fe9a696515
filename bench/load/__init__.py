"""What asks: wrk for throughput, our own client for latency."""
