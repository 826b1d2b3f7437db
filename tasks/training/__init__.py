"""A regularised logistic regression, fitted where its data lies: sums travel, rows do not."""
