"""The scripts behind the Makefile. What runs before the venv has packages uses the standard library only."""
