"""The emp-runtime command line."""
