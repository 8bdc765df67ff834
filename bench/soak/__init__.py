"""Many readers, many replies, a fault every so often, for as long as it takes: `python -m bench.soak`.

`run` is the schedule, `faults` what is broken and how it is mended, `figures` what is measured.
"""
