"""The time loop of an attending LSTM, the one part that cannot be a single large product: reference and fast.

Every backend is a function of the same `AttentionLoop` inputs and is tested, outputs and all gradients, against
`reference.attention_loop`.
"""
