"""The models: `start`, `step` and `unroll` over a fixed memory and a moving state.

zoo                 the table of variants and their parts; needs no torch
build               from a configuration to a model with its starting values
initialization      the starting values, for the `reset_parameters` of the parts
conditional_lm      p(target given source): what every model offers to the rest of the program
seq2seq             encoder, bridge and decoder; language_model, transformer: the models that differ
pointer             copying tokens of the source, around any model that attends
ngram               what stands after which tokens, counted: modified Kneser-Ney, in NumPy alone
recurrent, encoder  recurrent layers along a sequence, and the encoder made of them
bridges             from what the encoder read to the decoder's first state
attention           the scores, and attending with them
decoders            decoders without attention; bahdanau, luong: those that attend
compiled_decoder    a trained model for generation on a CPU: one step compiled
packed_decoder      the weights as that step reads them
kernels/            the fast time loops, each beside its reference
"""
