"""GraphQL over HTTP and WebSocket: what stands between a document and the pipeline."""
