"""llama.cpp through the low-level API of llama-cpp-python: the only importer of llama_cpp.

`loading` makes a `backend`, which is a `vocabulary` and a `memory`, and decodes. Streams are separate
(`kv_unified` off): a unified cache would compute attention over everybody's cells. Nothing here checks a
request: llama.cpp aborts the process on bad input, so the engine validates first and these modules only guard
what the engine itself could get wrong.
"""
