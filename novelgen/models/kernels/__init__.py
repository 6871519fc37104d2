"""What is written by hand for speed: the time loops, the one part that cannot be a single large product; the loss without its
logits; and one step of writing.

reference    as the paper writes it, under autograd; the truth that all others are tested against, outputs and all gradients
manual       backpropagation through time by hand, in PyTorch's operations, on any device
cpu          the same with everything but the products compiled by numba, rows shared out between threads
feeding      as `cpu`, the loop with input feeding (Luong et al., 2015)
layers       plain recurrent layers, LSTM and GRU, likewise; their truth is PyTorch's
gpu          `manual` on CUDA with everything but the products in Triton kernels
backends     which of them runs where
stepping     one step of writing, from a token to logits, compiled
"""
