"""Systems to control: their simulators, their costs, and the environments made of them."""
