"""HTTP for people and programs: a gRPC client of the modules that keeps nothing of its own."""
