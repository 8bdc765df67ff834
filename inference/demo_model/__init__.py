"""Parley's demo model: the corpus, the training and the export of `parley-demo.gguf`."""
