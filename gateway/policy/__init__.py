"""What may be done, to whom, when and by which agent: decisions about calls, without I/O or a clock."""
