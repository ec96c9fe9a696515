"""The contract layer alone: routing, decoding, validating, encoding, in process."""
