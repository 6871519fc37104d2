"""The page: what `novelgen app` serves in a browser."""
