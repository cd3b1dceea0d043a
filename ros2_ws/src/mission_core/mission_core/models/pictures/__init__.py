"""What single crops of a walker show: learnt once, frozen, and shared by every network that matches."""
