"""What `import novelgen` offers: to prepare a corpus, to train and to evaluate a model.

The command line and the page call these functions, and print or show what they return.
"""
