"""What tests of several folders share: values, readers of results, and stand-ins for what is outside."""
