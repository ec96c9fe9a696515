"""Tasks over RabbitMQ, by FastStream. It loads aio-pika: import it where RABBITMQ_URL is set."""

from runtime.adapters.rabbitmq.bus import RabbitmqBus
from runtime.adapters.rabbitmq.wiring import Publish, Subscribe, Wiring

__all__ = ["Publish", "RabbitmqBus", "Subscribe", "Wiring"]
