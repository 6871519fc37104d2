"""The page: what app.py serves in a browser."""
