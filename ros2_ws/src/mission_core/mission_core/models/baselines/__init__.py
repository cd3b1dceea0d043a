"""What the Mission paper compares itself with, restated on the same data, batches and frozen picture network."""
