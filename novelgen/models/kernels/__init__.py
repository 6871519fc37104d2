"""What is written by hand for speed.

Three things: the time loops, the one part of a model that cannot be a single large product; the
loss over a vocabulary without all its logits at once; and one step of a decoder that writes.

reference      the loops as the papers write them, under autograd; all others are tested against
               these, outputs and gradients
manual         backpropagation through time by hand, in PyTorch's operations, on any device
cpu            the same on CPUs: compiled by numba but for the products, rows shared out to threads
input_feeding  likewise, the loop with input feeding (Luong et al., 2015)
layers         likewise, plain LSTMs and GRUs; these are tested against PyTorch's
gpu            `manual` on CUDA with everything but the products in Triton kernels
backends       which of them runs where
onednn         what oneDNN can do in bfloat16 on this CPU
cross_entropy  the loss over a vocabulary
inference      one step of writing, from tokens to logits, compiled

compiled*.py, inference.py and gpu_kernels.py hold what numba and Triton compile.
"""
