"""What the platform costs, beside its peers; `python -m bench` (bench/README.md)."""
