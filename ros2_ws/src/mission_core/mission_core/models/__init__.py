"""Networks: configuration, network and processing, one folder each."""
