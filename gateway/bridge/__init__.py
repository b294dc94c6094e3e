"""What happens in a call: one object a call, no I/O, no clock."""
