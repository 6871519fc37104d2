"""Token ids on disk, pairs of neighbouring segments, and the plan of the batches."""
