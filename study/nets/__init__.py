"""What learns: networks as batches of weights, with their gradients and update rules."""
