"""Unary gRPC, served: ours, grpc.aio with a servicer written by hand, @grpc/grpc-js."""
