"""The same operations as others would write them."""
