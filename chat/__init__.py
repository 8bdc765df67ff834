"""What people see and own: accounts, sessions, messages, generations."""
