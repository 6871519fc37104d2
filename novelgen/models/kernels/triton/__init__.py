"""The attention loop of Bahdanau et al. (2015) on CUDA, in Triton."""
