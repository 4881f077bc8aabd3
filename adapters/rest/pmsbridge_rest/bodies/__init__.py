"""What a request carries and what an answer holds: JSON with exact numbers, forms, multipart, JSON:API, GraphQL."""
