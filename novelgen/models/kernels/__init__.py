"""What is written by hand for speed.

Three things: the layers and time loops of training, along the real steps of padded rows; the loss
over a vocabulary without all its logits at once; and one step of a decoder that writes.

api            what each loop takes and gives, and which of them runs where
reference      the loops as the papers write them, under autograd; the others are tested against it
bahdanau       the loop with attention (Bahdanau et al., 2015) on CPUs
luong          the loop with input feeding (Luong et al., 2015) on CPUs
recurrent      LSTMs and GRUs without attention on CPUs, tested against PyTorch's
linear         products of all steps at once: linear layers and the gradients of weights, on CPUs
triton/        bahdanau's loop on CUDA
loss           the loss over a vocabulary; loss_numba is what it compiles
steps          one step of an LSTM, of a GRU, of attention: what the loops share
packed         the rows of a batch without their padding, and the threads that share them
products       products within a loop, and how it is run; matmul_numba has those of our own
math_numba     numbers in compiled code, and where machine code is kept
onednn         what oneDNN can do in bfloat16 on this CPU
inference      one step of writing, from tokens to logits
"""
