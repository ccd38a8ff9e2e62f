"""What a run of a suite was: its record, its red tests by cause, and the pages and lines that tell of it."""
