"""What is written by hand for speed: the time loop of an attending LSTM, the one part that cannot be a single large product,
as reference and fast; and the loss without its logits; one step of writing, compiled.

Every backend of the loop is a function of the same `AttentionLoop` inputs and is tested, outputs and all gradients, against
`reference.attention_loop`.
"""
