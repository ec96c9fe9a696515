"""GraphQL beside a plain Strawberry app and Apollo Server."""
