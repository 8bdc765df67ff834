"""Break a running deployment and prove from the recorded history that no reader noticed.

`cluster` runs and breaks processes, `reader` is a client that reconnects and records, `stored` reads what the
database kept, and `history` compares the two with what the paced backend must have said.
"""
