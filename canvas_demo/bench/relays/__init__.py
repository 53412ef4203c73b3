"""Other ways out of an outbox, each a program of its own: what Debezium in Kafka Connect is measured beside."""
