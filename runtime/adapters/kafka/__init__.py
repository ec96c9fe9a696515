"""Events over Kafka, by FastStream. Import it only where KAFKA_BROKER is set: it loads aiokafka."""

from runtime.adapters.kafka.bus import KafkaBus
from runtime.adapters.kafka.wiring import Publish, Subscribe, Wiring

__all__ = ["KafkaBus", "Publish", "Subscribe", "Wiring"]
