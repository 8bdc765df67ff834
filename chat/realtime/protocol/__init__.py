"""Every frame of the chat socket, declared once.

Commands are strict; a client tolerates fields of events that it does not know, so that servers and pages of
different versions work together. The browser's TypeScript types are generated from `commands`, `views` and
`events` (`manage.py protocol_types`).
"""
