"""S3 exports against a real S3 server."""
