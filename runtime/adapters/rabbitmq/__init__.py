"""Tasks over RabbitMQ, by FastStream. Import it only where RABBITMQ_URL is set: it loads aio-pika."""

from runtime.adapters.rabbitmq.bus import RabbitmqBus
from runtime.adapters.rabbitmq.wiring import Publish, Subscribe, Wiring

__all__ = ["Publish", "RabbitmqBus", "Subscribe", "Wiring"]
