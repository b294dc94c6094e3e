"""What can be run: each scenario shows one thing the product promises."""
