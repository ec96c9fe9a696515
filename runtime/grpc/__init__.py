"""The platform over gRPC: what serves the generated methods, and what calls them."""
