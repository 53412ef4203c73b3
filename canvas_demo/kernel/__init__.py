"""What every module needs and that knows none of them: settings, database, events, outbox, consumer, gRPC."""
