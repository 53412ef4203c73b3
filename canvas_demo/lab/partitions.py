"""Which partition a key goes to: the arithmetic of Kafka's default partitioner."""

MASK = 0xFFFFFFFF
MIX, SHIFT, SEED = 0x5BD1E995, 24, 0x9747B28C


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: its murmur2 hash without the sign, modulo ``partitions``.

    Source: `org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey`.
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, with the seed that Kafka gives it (`org.apache.kafka.common.utils.Utils.murmur2`)."""
    hashed = SEED ^ len(data)
    whole = len(data) - len(data) % 4
    for at in range(0, whole, 4):
        block = int.from_bytes(data[at : at + 4], "little") * MIX & MASK
        block = (block ^ block >> SHIFT) * MIX & MASK
        hashed = hashed * MIX & MASK ^ block
    if rest := data[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * MIX & MASK
    hashed = (hashed ^ hashed >> 13) * MIX & MASK
    return hashed ^ hashed >> 15
