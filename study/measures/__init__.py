"""Progress measures: what each is, for each kind of net, and the loop that takes them."""
