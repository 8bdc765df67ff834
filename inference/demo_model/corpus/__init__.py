"""The demo model's world: templates, one module a topic, that write its training conversations."""
