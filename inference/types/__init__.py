"""The engine's vocabulary: requests in, events out.

Everything here is a msgspec Struct, so the same objects cross the socket pair to the engine's process
unchanged. Token ids are the model's own; text is always valid UTF-8 without U+0000.
"""
