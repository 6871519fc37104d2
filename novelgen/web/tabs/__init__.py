"""What stands on the page and what its events call: the only folder that makes components."""
