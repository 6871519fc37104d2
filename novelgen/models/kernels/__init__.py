"""What is written by hand for speed: the time loop of an attending LSTM, the one part that cannot be a single large product;
and the loss without its logits.

reference    as the paper writes it, under autograd; the truth that all others are tested against, outputs and all gradients
manual       backpropagation through time by hand, in PyTorch's operations, on any device
cpu          the same with everything but the products compiled by numba, rows shared out between threads
gpu          the same on CUDA with everything but the products in Triton kernels
backends     which of them runs where
"""
