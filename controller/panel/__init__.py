"""What people see: the bus's fold, its stream to browsers, and the HTTP routes (design.md sections 1 and 4)."""
