"""What a shot leaves behind: journal, NeXus record, catalogue, report."""
