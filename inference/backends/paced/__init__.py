"""A backend whose every token is known beforehand, at a set rate: an oracle for fault and scale tests.

Token *i* of a reply depends on the prompt's ids and *i* alone, so any attempt on any machine says the same.
A reply goes on until `max_tokens` unless the prompt's text holds a directive (the last of a kind counts):
`[[end after N]]` ends it after N tokens, `[[crash]]` and `[[crash after N]]` abort the process instead of
producing token N. `[[clock]]` makes each token say when it was made, for benchmarks: tenths of a millisecond
of the system-wide monotonic clock, modulo `CLOCK_WRAP`.
"""
