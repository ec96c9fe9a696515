"""What generated code and handlers run on: the pipeline, the ports and their adapters."""
