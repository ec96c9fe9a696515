"""Events over Kafka, by FastStream. It loads aiokafka: import it where KAFKA_BROKER is set."""

from runtime.adapters.kafka.bus import KafkaBus
from runtime.adapters.kafka.wiring import Publish, Subscribe, Wiring

__all__ = ["KafkaBus", "Publish", "Subscribe", "Wiring"]
